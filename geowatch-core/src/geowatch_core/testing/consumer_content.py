"""Checks of what a consumer brings: bytes, keys, headers, times, in which order, how promptly."""

from __future__ import annotations

import time

from geowatch_core.capabilities import Order
from geowatch_core.message import Message
from geowatch_core.testing.background import background, within
from geowatch_core.testing.consumer_base import ConsumerBase, datas, gather
from geowatch_core.testing.content import (
    EVERY_BYTE,
    HEADERS,
    KEYS,
    TIMES,
    by_key,
    ensure_times,
    largest_sizes,
)
from geowatch_core.testing.kit import when
from geowatch_core.testing.role_kit import PROMPT
from geowatch_core.testing.verdict import ConformanceError, ensure, ensure_same, not_proven

__all__ = ["ConsumerContent"]


class ConsumerContent(ConsumerBase, kit=True):
    """A consumer brings what is there, as it is, when it is there."""

    def test_every_byte_arrives_unchanged(self) -> None:
        """Messages of every byte value arrive with the same bytes."""
        self._arrive([Message(data) for data in EVERY_BYTE])

    def test_empty_and_largest_messages_arrive(self) -> None:
        """A message of no bytes, and one as large as the channel takes, arrive whole."""
        largest = min(self.claims.max_message or self.channel.largest, self.channel.largest)
        self._arrive([self.channel.sized(size) for size in largest_sizes(largest)])

    @when(lambda claims: claims.keys, "keys are not claimed")
    def test_keys_arrive_as_sent(self) -> None:
        """Keys arrive as they were sent, and no key arrives as no key."""
        arrived = self._arrive([Message(self._text(i), key=key) for i, key in enumerate(KEYS)])
        for sent, got in arrived:
            ensure(
                got.key == sent.key,
                f"The key {sent.key!r} arrived as {got.key!r}",
                expected="the key as it was sent",
                fix="Set Message.key from the service's record, or do not claim keys=True.",
            )

    @when(lambda claims: claims.headers, "headers are not claimed")
    def test_headers_arrive_as_sent(self) -> None:
        """Headers arrive as they were sent: bytes, in order, a name more than once."""
        messages = [Message(self._text(i), headers=h) for i, h in enumerate(HEADERS)]
        for sent, got in self._arrive(messages):
            ensure(
                got.headers == sent.headers,
                f"The headers {sent.headers!r} arrived as {got.headers!r}",
                expected="a tuple of (name, bytes) pairs as it was sent",
                fix="Set Message.headers from the service's record, or do not claim headers=True.",
            )

    @when(lambda claims: claims.times, "times are not claimed")
    def test_times_arrive_as_sent(self) -> None:
        """Event times arrive to the millisecond."""
        messages = [Message(self._text(i), time=at) for i, at in enumerate(TIMES)]
        ensure_times(self._arrive(messages))

    def test_fresh_messages_are_unsettled_and_untouched(self) -> None:
        """A message names the consumer as its origin, is not settled, and was not decoded."""
        consumer = self.consumer()
        for message in self.take(consumer, ["A", "B"]):
            ensure(
                message.origin is consumer and message.settled is None and not message.touched,
                f"A fresh message has origin {message.origin!r}, settled {message.settled!r}, "
                f"touched {message.touched}",
                expected="this consumer as origin, settled None, touched False",
                fix="Return new Message(data, key, headers, time, position) from _consume, and "
                "leave the rest to core.",
            )
            ensure(
                type(message.data) is bytes,
                f"The data of a message is a {type(message.data).__name__}",
                expected="bytes, as they are in the channel",
                fix="Convert it in _consume.",
            )

    def test_count_is_the_most_that_comes(self) -> None:
        """No call brings more than was asked for, and a later one brings the rest."""
        consumer = self.consumer()
        expected = self.put([f"message {i}" for i in range(7)])
        messages = gather(consumer, len(expected), self.channel.patience, most=3)
        self.ensure_brought(messages, expected)
        self.put(["one", "two"])
        brought = consumer.consume(1, self.channel.patience)
        ensure(
            len(brought) <= 1,
            f"consume(1) brought {len(brought)} messages",
            expected="at most as many as were asked for",
            fix="Ask the service for at most `count`, or keep the rest for the next call.",
        )

    def test_consume_returns_in_time(self) -> None:
        """On an empty channel consume returns nothing when its timeout is over, and soon after."""
        consumer, timeout = self.consumer(), 0.3
        consumer.consume(1, 0.01)  # the first call may connect
        began = time.monotonic()
        call = background(lambda: consumer.consume(10, timeout))
        fix = "Pass `timeout` on to the service, cut into waits of a second at most."
        messages = within(
            timeout + PROMPT,
            call,
            f"consume(timeout={timeout}) on an empty channel goes on",
            fix=fix,
        )
        ensure_same(datas(messages), [], "An empty channel brought messages", fix="Bring none.")
        took = time.monotonic() - began
        ensure(
            took > timeout / 2 or consumer.exhausted,
            f"consume(timeout={timeout}) on an empty channel returned after {took:.3f} s",
            expected="that it waits, rather than have the broker spin",
            fix="Wait for the first message as long as `timeout` says.",
        )

    def test_consume_does_not_wait_for_a_full_batch(self) -> None:
        """Consume returns as soon as it has something."""
        consumer, timeout = self.consumer(), 4 * self.channel.patience
        expected = self.put(["alone"])
        call = background(lambda: consumer.consume(500, timeout))
        messages = within(
            self.channel.patience + PROMPT,
            call,
            f"With one message in the channel consume(500, timeout={timeout:g}) goes on waiting",
            fix="Wait for the first message only; then take what else is there without waiting.",
        )
        self.ensure_brought(messages, expected)

    @when(lambda claims: claims.order is not Order.NONE, "no order is claimed")
    def test_order_is_kept(self) -> None:
        """Messages come in the order they were put in; where order is by key, within each key."""
        keys = [b"red", b"green", b"blue"] if self.claims.order is Order.KEY else [None]
        sent = [Message(self._text(i), key=keys[i % len(keys)]) for i in range(60)]
        consumer = self.consumer()
        self.channel.raw_put(sent)
        # Of single messages and small batches, as the order may be lost between two calls.
        got = [m for most in (1, 7, 60) for m in gather(consumer, 20, self.channel.patience, most)]
        key_of = {message.data: message.key for message in sent}
        for key, expected in by_key(sent, lambda m: m.key).items():
            ensure_same(
                datas(m for m in got if key_of.get(m.data) == key),
                datas(expected),
                "The order of messages changed" + (f" within the key {key!r}" if key else ""),
                fix="Hand on what the service gives in its order; or claim Order.KEY or NONE.",
                ordered=True,
            )

    def _text(self, index: int) -> bytes:
        return self.channel.payload(f"message {index:04}")

    def _arrive(self, messages: list[Message]) -> list[tuple[Message, Message]]:
        """Put these in and consume them; pairs of what was sent and what came."""
        __tracebackhide__ = True
        carried = [message for message in messages if self.channel.carries(message)]
        if len(carried) < len(messages):
            self.note(f"the channel carries only {len(carried)} of {len(messages)} such messages")
        if not carried:
            not_proven(f"{type(self.channel).__name__}.carries refuses every such message")
        if self.claims.order is Order.KEY and carried[0].key is None and not self.claims.keys:
            raise ConformanceError(
                "Order by key is claimed, and keys are not",
                expected="keys=True beside order=Order.KEY",
                fix="Claim keys, or no order.",
            )
        consumer = self.consumer()
        self.channel.raw_put(carried)
        got = gather(consumer, len(carried), self.channel.patience)
        ensure_same(
            datas(got),
            datas(carried),
            "Bytes changed on their way from the channel to the caller",
            fix="Set Message.data to the bytes that the service holds: no decoding, no stripping.",
        )
        by_data = {message.data: message for message in got}
        return [(message, by_data[message.data]) for message in carried]
