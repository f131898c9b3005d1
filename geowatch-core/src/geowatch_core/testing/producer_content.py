"""Checks of what a producer delivers: bytes, keys, headers, times, in order, at once."""

from __future__ import annotations

import copy

from geowatch_core.capabilities import Order
from geowatch_core.errors import CodecError, EncodeError, PermanentError
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED
from geowatch_core.testing import child
from geowatch_core.testing.consumer_base import datas
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
from geowatch_core.testing.producer_base import ProducerBase, failed_at
from geowatch_core.testing.verdict import ensure, ensure_same, not_proven

__all__ = ["ProducerContent"]

_AS_GIVEN = "Send Message.data as it is: no decoding, no stripping. Refuse what cannot be sent so."


class ProducerContent(ProducerBase, kit=True):
    """A confirmed message is in the service, as it was given."""

    def test_every_byte_is_delivered_unchanged(self) -> None:
        """Messages of every byte value are in the service with the same bytes, or are refused."""
        self._delivered([Message(data) for data in EVERY_BYTE])

    def test_empty_and_largest_messages_are_delivered(self) -> None:
        """A message of no bytes, and one as large as the channel takes, are delivered whole."""
        largest = min(self.claims.max_message or self.channel.largest, self.channel.largest)
        self._delivered([self.channel.sized(size) for size in largest_sizes(largest)])

    @when(lambda claims: claims.keys, "keys are not claimed")
    def test_keys_are_delivered(self) -> None:
        """Keys are in the service as they were given, and no key as no key."""
        for sent, got in self._delivered([self._numbered(i, key=k) for i, k in enumerate(KEYS)]):
            ensure(
                got.key == sent.key,
                f"The key {sent.key!r} is in the service as {got.key!r}",
                expected="the key as it was given",
                fix="Hand Message.key to the client, or do not claim keys=True.",
            )

    @when(lambda claims: claims.headers, "headers are not claimed")
    def test_headers_are_delivered(self) -> None:
        """Headers are in the service as they were given: bytes, in order, a name more than once."""
        messages = [self._numbered(i, headers=headers) for i, headers in enumerate(HEADERS)]
        for sent, got in self._delivered(messages):
            ensure(
                got.headers == sent.headers,
                f"The headers {sent.headers!r} are in the service as {got.headers!r}",
                expected="the pairs as they were given",
                fix="Hand Message.headers to the client, or do not claim headers=True.",
            )

    @when(lambda claims: claims.times, "times are not claimed")
    def test_times_are_delivered(self) -> None:
        """Event times are in the service to the millisecond."""
        ensure_times(self._delivered([self._numbered(i, time=at) for i, at in enumerate(TIMES)]))

    def test_confirmed_is_in_the_service_at_once(self) -> None:
        """When deliver returns, what it confirmed is in the service: nothing is buffered."""
        producer = self.producer()
        for texts in ("A", "BC", "DEFGH"):
            messages = self.messages(texts)
            self.ensure_confirmed(producer.deliver(messages), len(messages))
            self.ensure_taken(
                messages,
                "Just after deliver confirmed them, messages were not in the service",
                "Wait in _deliver until the service has confirmed: flush, and read its answer.",
            )

    @when(lambda claims: claims.order is not Order.NONE, "no order is claimed")
    def test_order_is_kept(self) -> None:
        """Messages are in the service in the order given; if order is by key, within each key."""
        keys = [b"red", b"green", b"blue"] if self.claims.order is Order.KEY else [None]
        sent = [self._numbered(i, key=keys[i % len(keys)]) for i in range(45)]
        producer = self.producer()
        for start, end in ((0, 1), (1, 15), (15, 45)):
            self.ensure_confirmed(producer.deliver(sent[start:end]), end - start)
        key_of = {message.data: message.key for message in sent}
        taken = self.channel.raw_take()
        for key, expected in by_key(sent, lambda message: message.key).items():
            ensure_same(
                datas(m for m in taken if key_of.get(m.data) == key),
                datas(expected),
                "The order of messages changed" + (f" within the key {key!r}" if key else ""),
                fix="Deliver in order, one call after the other; or claim less: Order.KEY or NONE.",
                ordered=True,
            )

    def test_messages_are_left_as_they_were(self) -> None:
        """Deliver changes neither the messages nor the list that it is given."""
        producer = self.producer()
        more = {"headers": (("source", b"usgs"),), "time": TIMES[0]}
        messages = [self.message(text, **more) for text in "ABC"]
        given = list(messages)
        before = [copy.copy(message) for message in messages]
        producer.deliver(messages)
        ensure(
            len(messages) == len(given)
            and all(m is g for m, g in zip(messages, given, strict=True)),
            "deliver changed the list that it was given",
            expected="the same messages in the same order",
            fix="Work on a list of one's own.",
        )
        for was, now in zip(before, messages, strict=True):
            changed = [f for f in Message.__struct_fields__ if getattr(was, f) != getattr(now, f)]
            ensure(
                not changed,
                f"deliver changed a message: {', '.join(changed)}",
                expected="a message that other destinations still find as it was",
                fix="Read messages only. What the service needs is built beside them.",
            )

    def test_a_refused_value_fails_alone(self) -> None:
        """A value that the codec cannot write is refused, and its neighbours are delivered."""
        producer = self.producer()
        messages = self.messages("ABC")
        messages[1] = Message.of(object())
        outcomes = producer.deliver(messages)
        ensure(
            failed_at(outcomes) == [1] and isinstance(outcomes[1], EncodeError),
            f"Of three messages of which the codec refuses the second became {outcomes}",
            expected="CONFIRMED, an EncodeError, CONFIRMED",
            fix="Leave deliver as core has it; fill _deliver.",
        )
        self.ensure_taken(
            [messages[0], messages[2]],
            "The neighbours of a message that the codec refuses are not in the service",
            "Leave deliver as core has it; fill _deliver.",
        )

    def test_delivering_nothing_does_nothing(self) -> None:
        """A deliver of no messages answers nothing and sends nothing."""
        self.ensure_confirmed(self.producer().deliver([]), 0)
        self.ensure_taken([], "Delivering nothing sent something", "Make no call without messages.")

    @when(lambda claims: claims.durable, "durable is not claimed")
    def test_durable_means_kept(self) -> None:
        """Many confirmed messages are all still there when they are looked for."""
        producer = self.producer()
        sent = [self._numbered(i) for i in range(self.channel.many)]
        for start in range(0, len(sent), 100):
            self.ensure_confirmed(
                producer.deliver(sent[start : start + 100]), len(sent[start:][:100])
            )
        fix = "Lose none; a channel that may forget what it confirmed claims durable=False."
        self.ensure_taken(sent, f"Of {len(sent)} confirmed messages some are gone", fix)

    @when(lambda claims: claims.persistent, "persistent is not claimed")
    def test_confirmed_outlives_the_process(self) -> None:
        """What a process was told is confirmed is in the service although the process died then."""
        sent = self.messages("ABC")
        job = {"backend": self.channel.backend, "role": "producer"}
        packed = [message.data.hex() for message in sent]
        outcomes = child.run({**job, "messages": packed}, self.channel.given("producer", {}))
        ensure(
            outcomes == [None] * len(sent),
            f"In a process of its own deliver answered {outcomes}",
            expected="CONFIRMED for each",
            fix="Keep nothing in the process that another one lacks.",
        )
        self.ensure_taken(
            sent,
            "What was confirmed to a process is gone with it",
            "Confirm what the service has, not what this process has; or claim persistent=False.",
        )

    def _numbered(self, index: int, **more: object) -> Message:
        return self.message(f"message {index:04}", **more)

    def _delivered(self, messages: list[Message]) -> list[tuple[Message, Message]]:
        """Deliver these; pairs of what was given and what the service has."""
        __tracebackhide__ = True
        producer = self.producer()
        outcomes = producer.deliver(messages)
        carried = [self.channel.carries(message) for message in messages]
        for message, outcome, can in zip(messages, outcomes, carried, strict=True):
            ensure(
                can or isinstance(outcome, PermanentError | CodecError),
                f"{message.data[:60]!r} with key {message.key!r}, which the channel cannot carry, "
                f"became {outcome!r}",
                expected="a PermanentError or an EncodeError for this message alone",
                fix=_AS_GIVEN,
            )
            ensure(
                not can or outcome is CONFIRMED,
                f"{message.data[:60]!r} with key {message.key!r} became {outcome!r}",
                expected="CONFIRMED",
                fix="Deliver it; or have the harness's carries() say that the channel cannot.",
            )
        sent = [message for message, can in zip(messages, carried, strict=True) if can]
        if len(sent) < len(messages):
            self.note(f"the channel carries only {len(sent)} of {len(messages)} such messages")
        taken = self.ensure_taken(sent, "What was confirmed is not what the service has", _AS_GIVEN)
        if not sent:
            not_proven(f"{type(self.channel).__name__}.carries refuses every such message")
        by_data = {message.data: message for message in taken}
        return [(message, by_data[message.data]) for message in sent]
