"""A batch on its way through a broker: what was consumed together and is settled together."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Iterator, Sequence

import msgspec

from geowatch_core.flow.destination import Destination
from geowatch_core.flow.failure import Failure
from geowatch_core.flow.source import Source
from geowatch_core.message import Message

__all__ = ["Batch", "Parcel", "by_source"]


class Parcel(msgspec.Struct, frozen=True, eq=False):
    """What one destination is to get of a batch: messages, and what they were encoded to."""

    destination: Destination
    owners: list[Message] = msgspec.field(default_factory=list)
    encoded: list[Message] = msgspec.field(default_factory=list)


class Batch(msgspec.Struct, eq=False, weakref=True):
    """What was consumed together, and what becomes of it.

    The source is acked for all of it at once, after every destination has answered for its part.

    Attributes:
        changed: the ids of messages with values that an observer has given them.
    """

    source: Source | None
    consumed: Sequence[Message]
    parcels: list[Parcel]
    kept: list[Message] = msgspec.field(default_factory=list)
    failures: list[Failure] = msgspec.field(default_factory=list)
    asked: list[bytes | None] = msgspec.field(default_factory=list)
    reserved: list[Hashable] = msgspec.field(default_factory=list)
    filtered: int = 0
    deduplicated: int = 0
    created: int = 0
    changed: set[int] = msgspec.field(default_factory=set)
    acked: bool = False
    _left: int = -1
    _lock: threading.Lock = msgspec.field(default_factory=threading.Lock)
    _waking: threading.Event = msgspec.field(default_factory=threading.Event)

    def runs(self, size: int) -> Iterator[Sequence[Message]]:
        """What was consumed, cut into runs of at most `size` messages."""
        for start in range(0, len(self.consumed), size):
            yield self.consumed[start : start + size]

    def replace(self, kept: list[Message]) -> None:
        """Deliver these in place of ``kept``, and count what was left out and what is new."""
        before = len(self.kept)
        by_hand = self.source is None
        stayed = min(sum(by_hand or message.origin is not None for message in kept), before)
        self.created += len(kept) - stayed
        self.filtered += before - stayed
        self.kept = kept

    def release(self, run: Sequence[Message]) -> None:
        """Let go of the values of `run`, unless they are not what ``data`` says."""
        if self.source is not None:
            for message in run:
                if id(message) not in self.changed:
                    message.release()

    def launch(self) -> list[Parcel]:
        """The parcels to deliver; each must be `answered`. To be called once, after the work."""
        parcels = [parcel for parcel in self.parcels if parcel.encoded]
        self._left = len(parcels)
        if not parcels:
            self._waking.set()
        return parcels

    def answered(self, failures: Sequence[Failure]) -> None:
        """A destination has answered for its parcel."""
        with self._lock:
            self.failures += failures
            self._left -= 1
            if self._left == 0:
                self._waking.set()

    @property
    def complete(self) -> bool:
        """Whether every destination has answered."""
        return self._left == 0

    def wait(self) -> None:
        """Wait until it is complete, or abandoned."""
        self._waking.wait()

    def abandon(self) -> None:
        """Have nobody wait any longer."""
        self._waking.set()

    @property
    def undelivered(self) -> list[Failure]:
        """One failure for each message that some destination or stage refused."""
        return list({id(failure.message): failure for failure in self.failures}.values())


def by_source(batches: Iterable[Batch]) -> list[tuple[Source | None, list[Batch]]]:
    """The batches of each source together, in order."""
    groups: dict[int, list[Batch]] = {}
    for batch in batches:
        groups.setdefault(id(batch.source), []).append(batch)
    return [(group[0].source, group) for group in groups.values()]
