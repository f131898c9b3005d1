"""How far a channel that settles by position may move on."""

from collections import deque
from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

__all__ = ["SettledPrefix"]

P = TypeVar("P", bound=Hashable)


class SettledPrefix(Generic[P]):
    """Follows which delivered positions are settled, and how far they are so without a gap.

    One for each thing that has positions of its own: a Kafka partition, a Kinesis shard, a file.
    A later ack never settles an earlier unsettled message: only the contiguous prefix moves. Not
    safe for threads; its owner holds a lock.
    """

    def __init__(self) -> None:
        self._open: deque[P] = deque()
        self._unsettled: set[P] = set()
        self._ahead: set[P] = set()

    def __len__(self) -> int:
        """How many positions were delivered and lie behind the prefix."""
        return len(self._open)

    def deliver(self, positions: Iterable[P]) -> None:
        """Note positions as delivered, in the channel's order. A redelivery is not noted again."""
        for position in positions:
            if position not in self._unsettled and position not in self._ahead:
                self._unsettled.add(position)
                self._open.append(position)

    def reach(self, positions: Collection[P]) -> P | None:
        """What ``settle`` would return, noting nothing.

        A channel whose commit can fail asks here, commits, and settles only then: what could not be
        committed stays unsettled.
        """
        ahead, given = self._ahead, set(positions)
        reached = None
        for position in self._open:
            if position not in given and position not in ahead:
                break
            reached = position
        return reached

    def settle(self, positions: Iterable[P]) -> P | None:
        """Note positions as settled; the last position of the prefix if it has moved, else None."""
        ahead, waiting = self._ahead, self._open
        # What was never delivered is not noted: it would settle a message that is yet to come.
        settled = self._unsettled.intersection(positions)
        self._unsettled -= settled
        ahead |= settled
        reached = None
        while waiting and waiting[0] in ahead:
            reached = waiting.popleft()
            ahead.discard(reached)
        return reached
