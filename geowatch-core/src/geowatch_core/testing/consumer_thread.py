"""Checks of a consumer that is used by several threads, and closed under their hands."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from concurrent.futures import Future

import attrs

from geowatch_core.capabilities import Settlement
from geowatch_core.consumer import Consumer
from geowatch_core.errors import ClosedError
from geowatch_core.message import Message
from geowatch_core.testing.background import background, within
from geowatch_core.testing.consumer_base import ConsumerBase, datas, gather
from geowatch_core.testing.kit import when
from geowatch_core.testing.role_kit import PROMPT
from geowatch_core.testing.verdict import ConformanceError, ensure, ensure_same

__all__ = ["ConsumerThread"]

_REOPENS = 4
_CHUNK = 25


@attrs.define
class _Seen:
    """What a worker brought, and of that what it acked and nobody may bring again."""

    brought: set[bytes] = attrs.field(factory=set)
    acked: set[bytes] = attrs.field(factory=set)
    again: set[bytes] = attrs.field(factory=set)


class ConsumerThread(ConsumerBase, kit=True):
    """Ack, nack and close come from other threads while one consumes."""

    def test_close_ends_a_waiting_consume(self) -> None:
        """Close returns at once while another thread waits in consume, and so does that thread."""
        consumer = self.consumer()
        consumer.consume(1, 0.01)  # the first call may connect
        waiting = _waiting(consumer, 30.0)
        fix = "Hold no lock while waiting, and have _close wake or cancel the call that waits."
        within(PROMPT, background(consumer.close), "close() hung beside a waiting consume", fix=fix)
        try:
            messages = within(PROMPT, waiting, "consume went on waiting after close()", fix=fix)
        except ClosedError:
            return
        except ConformanceError:
            raise
        except Exception as error:
            raise ConformanceError(
                f"consume raised {type(error).__name__} because of close(): {error}",
                expected="no messages, or a ClosedError",
                fix="Return nothing from _consume once the consumer is closed.",
            ) from error
        ensure_same(datas(messages), [], "A closed consumer brought messages", fix="Bring none.")

    @when(lambda claims: claims.settles is not Settlement.NONE, "it settles nothing")
    def test_ack_while_another_thread_consumes(self) -> None:
        """An ack returns at once while another thread waits in consume, which goes on waiting."""
        consumer = self.consumer()
        acked, nacked = self.take(consumer, ["A", "B"])
        waiting = _waiting(consumer, 3 * self.channel.patience)
        fix = "Hold no lock over a wait for the service; settle on a call of its own."
        within(
            PROMPT,
            background(lambda: consumer.ack([acked])),
            "ack hung while another thread waits in consume",
            fix=fix,
        )
        within(
            PROMPT,
            background(lambda: consumer.nack([nacked])),
            "nack hung while another thread waits in consume",
            fix=fix,
        )
        patience = self.channel.patience + PROMPT
        messages = within(
            patience, waiting, "The thread in consume did not get the nacked message", fix=fix
        )
        ensure(
            nacked.data in datas(messages),
            f"The thread in consume returned {len(messages)} messages, not the nacked one",
            expected="that it goes on waiting and gets what is given back",
            fix="Have _nack wake the call of _consume that waits.",
        )
        consumer.ack(messages)
        ensure_same(
            datas(self.everything(self.reopen(consumer))),
            [],
            "What was acked beside a waiting consume came again",
            fix="Settle in _ack, whatever other threads do.",
        )

    def test_reopen_under_load(self) -> None:
        """Closed again and again while a thread consumes and acks, it loses nothing."""
        seen = _Seen()
        expected: list[bytes] = []
        for chunk in range(_REOPENS):
            already = len(seen.brought)  # before it begins, as it may bring all while they are put
            consumer = self.consumer()
            worker = background(functools.partial(_work, consumer, seen))
            texts = [f"message {chunk}-{i:02}" for i in range(_CHUNK)]
            for start in range(0, _CHUNK, 5):
                expected += self.put(texts[start : start + 5])
            self._wait_for_some(seen, already)
            self.close(consumer)
            fix = "Have _close wake or cancel the call that waits."
            within(self.channel.patience, worker, "consume went on waiting after close()", fix=fix)
        if self.claims.settles is Settlement.NONE:
            return
        consumer = self.consumer()
        while messages := gather(consumer, 1, self._left(seen, expected)):
            seen.again |= seen.acked.intersection(datas(messages))
            seen.brought.update(datas(messages))
            consumer.ack(messages)
        ensure_same(
            seen.brought,
            expected,
            "Closing a consumer while it consumes lost messages",
            fix="Give back in _close what was fetched and not settled, and settle nothing else.",
        )
        ensure(
            self.settles_prefix or not seen.again,
            f"{len(seen.again)} messages came again after an ack that had returned",
            expected="that the channel remembers an ack before it returns",
            fix="Wait for the service's answer in _ack.",
        )

    def _left(self, seen: _Seen, expected: Sequence[bytes]) -> float:
        """How long to wait for another message: patiently for what has not been seen yet."""
        missing = len(seen.brought) < len(expected)
        return self.channel.patience if missing else self.channel.silence

    def _wait_for_some(self, seen: _Seen, already: int) -> None:
        deadline = time.monotonic() + self.channel.patience
        while len(seen.brought) == already:
            if time.monotonic() > deadline:
                raise ConformanceError(
                    "A reopened consumer brought nothing new while the channel was being filled",
                    expected=f"a message within {self.channel.patience:g} s",
                    fix="Have _open start from what is not settled, and _consume see new messages.",
                )
            time.sleep(0.005)


def _waiting(consumer: Consumer, timeout: float) -> Future[list[Message]]:
    """A consume of another thread, which waits by the time that this returns."""
    call = background(lambda: consumer.consume(10, timeout))
    time.sleep(0.1)
    return call


def _work(consumer: Consumer, seen: _Seen) -> None:
    """Consume until closed, and ack every other message."""
    try:
        while True:
            messages = consumer.consume(7, 0.05)
            data = datas(messages)
            seen.again |= seen.acked.intersection(data)
            consumer.ack(messages[::2])
            seen.acked.update(data[::2])
            seen.brought.update(data)
    except ClosedError:
        return
