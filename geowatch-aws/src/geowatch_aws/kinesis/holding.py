"""A shard that this consumer reads: what was brought of it, and what of that is settled."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_aws.kinesis.coordinator import Hold
from geowatch_aws.kinesis.pump import Pump
from geowatch_core import Message, SettledPrefix

__all__ = ["Holding"]

Place = tuple[int, int]
"""A sequence number and the number within its record."""


class Holding:
    """One shard, for as long as its lease is held. Its owner holds a lock.

    Args:
        hold: of the lease.
        number: which time that a lease was taken.
        pump: that reads it.
    """

    def __init__(self, hold: Hold, number: int, pump: Pump) -> None:
        self.hold = hold
        self.number = number
        self.pump = pump
        self.prefix: SettledPrefix[Place] = SettledPrefix()
        self._again: list[Message] = []

    @property
    def done(self) -> bool:
        """Whether the shard was read to its end, and all of it is settled."""
        return self.pump.ended and not self.pump.queue and not len(self.prefix)

    def take(self, count: int, room: int) -> list[Message]:
        """The next messages: what was given back, and then at most `room` new ones."""
        messages, self._again = self._again[:count], self._again[count:]
        queue = self.pump.queue
        new = [queue.popleft() for _ in range(min(count - len(messages), room, len(queue)))]
        self.prefix.deliver([place_of(message) for message in new])
        return messages + new

    def give_back(self, messages: Sequence[Message]) -> None:
        """Bring these again, before all later ones."""
        again = [Message(m.data, m.key, m.headers, m.time, m.position) for m in messages]
        self._again = sorted([*self._again, *again], key=place_of)


def place_of(message: Message) -> Place:
    """Where in its shard a message is."""
    return message.position.number, message.position.sub
