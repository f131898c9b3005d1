"""One partition as long as it is assigned to us: what was brought of it, and what is settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

__all__ = ["Chunk", "Lane", "Place", "Settling"]


class Place(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Where a message is: its offset, in what it was brought with."""

    chunk: Chunk
    offset: int

    def __repr__(self) -> str:
        return f"{self.chunk.lane}@{self.offset}"

    __str__ = __repr__


class Chunk(msgspec.Struct, eq=False):
    """Messages of one partition that were fetched together.

    Nearly always they are settled together, too: so they are counted, and only if some of them are
    settled before others does each offset count.
    """

    lane: Lane
    offsets: Sequence[int]
    left: int
    settled: set[int] | None = None

    def reached(self, more: Iterable[int]) -> int:
        """The offset of the first message that is not settled even with `more`, or one past all."""
        done = {*(self.settled or ()), *more}
        return next((o for o in self.offsets if o not in done), self.offsets[-1] + 1)


Settling = Mapping[Chunk, Sequence[int]]
"""Offsets to settle, by the chunk that has them."""


class Lane:
    """One partition, from its assignment to its revocation.

    Only the contiguous prefix of what was brought is ever committed. Gaps between offsets, which
    compaction and transactions leave, hold nothing back. Not safe for threads; who owns it locks.

    Args:
        topic: its topic.
        partition: its number.

    Attributes:
        alive: whether it is still ours; of one that is not, nothing is brought, committed, or
            counted.
        following: the offset behind the last one that was fetched; -1 before that.
        in_hand: how many messages were handed out and not settled.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.alive = True
        self.following = -1
        self.in_hand = 0
        self._chunks: deque[Chunk] = deque()

    def __repr__(self) -> str:
        return f"{self.topic}[{self.partition}]"

    def fetched(self, offsets: Sequence[int]) -> Chunk:
        """Note what was fetched, in the order of the partition."""
        chunk = Chunk(self, offsets, len(offsets))
        self._chunks.append(chunk)
        self.following = offsets[-1] + 1
        return chunk

    def reach(self, settling: Settling) -> int | None:
        """The offset to commit if these are settled; None if the prefix does not move."""
        reached = None
        for chunk in self._chunks:
            given = settling.get(chunk, ())
            if len(given) == chunk.left:
                reached = chunk.offsets[-1] + 1
                continue
            first = chunk.reached(given)
            moved = reached is not None or first > chunk.reached(())
            return first if moved and first > chunk.offsets[0] else reached
        return reached

    def settle(self, settling: Settling) -> None:
        """Note these as settled, and forget the prefix."""
        for chunk, offsets in settling.items():
            if chunk.lane is self:
                chunk.left -= len(offsets)
                self.in_hand -= len(offsets)
                if chunk.left:
                    chunk.settled = (chunk.settled or set()) | set(offsets)
        while self._chunks and not self._chunks[0].left:
            self._chunks.popleft()
