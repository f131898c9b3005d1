"""Checks of a producer at its limits: just below, at, and just above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from geowatch_core.errors import TooLargeError
from geowatch_core.message import Message
from geowatch_core.producer import Producer
from geowatch_core.testing.kit import when
from geowatch_core.testing.producer_base import ProducerBase, failed_at
from geowatch_core.testing.verdict import ensure, not_proven

__all__ = ["ProducerLimit"]

_HUGE: Final = 64 << 20
"""Bytes beyond which the kit makes no message."""


class ProducerLimit(ProducerBase, kit=True):
    """What a limit allows is delivered, and what it forbids is refused alone."""

    @when(lambda claims: claims.max_message is not None, "no largest message is claimed")
    def test_the_largest_message_is_delivered_and_a_larger_one_refused(self) -> None:
        """One byte below the limit and at it is confirmed; one above it is TooLargeError, alone."""
        producer = self.producer()
        limit = producer.capabilities.max_message or 0
        self._bearable(limit, "a message at the limit")
        sizes = (limit - 1, limit, limit + 1, 1)
        messages = [self.channel.sized(size) for size in sizes]
        outcomes = producer.deliver(messages)
        ensure(
            failed_at(outcomes) == [2] and isinstance(outcomes[2], TooLargeError),
            f"Messages of {', '.join(map(str, sizes))} bytes with a limit of {limit} became "
            f"{outcomes}",
            expected="CONFIRMED for all but the one that is too large, which is a TooLargeError",
            fix="Claim the limit that the service has, count bytes as it does in _size, and have "
            "the harness's sized() make messages that it counts as so large.",
        )
        self.ensure_taken(
            messages[:2] + messages[3:],
            "Beside a message that is too large the wrong ones are in the service",
            "Refuse only the one that is too large, and cut none short.",
        )

    @when(lambda claims: claims.max_batch is not None, "no largest batch is claimed")
    def test_batches_around_the_limit_of_entries_are_delivered(self) -> None:
        """Batches of one entry below the limit, at it, above it and far above it all arrive."""
        producer = self.producer()
        limit = producer.capabilities.max_batch or 1
        for count in (limit - 1, limit, limit + 1, 3 * limit + 1):
            self._arrives(producer, [self.message(f"{count}-{i}") for i in range(count)])

    @when(lambda claims: claims.max_batch_bytes is not None, "no largest batch in bytes is claimed")
    def test_batches_around_the_limit_of_bytes_are_delivered(self) -> None:
        """Batches of one byte below the limit, at it, above it and twice that all arrive."""
        producer = self.producer()
        limit = producer.capabilities.max_batch_bytes or 1
        self._bearable(limit, "a batch at the limit of bytes")
        largest = min(producer.capabilities.max_message or limit, limit)
        for total in (limit - 1, limit, limit + 1, 2 * limit):
            self._arrives(producer, [self.channel.sized(size) for size in _cut(total, largest)])

    def _arrives(self, producer: Producer, messages: Sequence[Message]) -> None:
        __tracebackhide__ = True
        self.ensure_confirmed(producer.deliver(messages), len(messages))
        self.ensure_taken(
            messages,
            f"Of a batch of {len(messages)} messages, all confirmed, the wrong ones arrived",
            "Cut batches as core does, and send every part.",
        )

    def _bearable(self, size: int, what: str) -> None:
        if size > _HUGE:
            not_proven(f"{what}: at {size} bytes it is more than the kit makes")


def _cut(total: int, largest: int) -> list[int]:
    """Sizes that make `total` together: two at the least, each of which fits."""
    parts = max(-(-total // largest), 2)
    return [total // parts + (index < total % parts) for index in range(parts)]
