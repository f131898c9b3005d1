"""Which leases this worker holds: taking, renewing, balancing, giving back.

The algorithm of the Kinesis Client Library. Workers do not know of each other but by the leases
they own, and use no clock but each its own: a lease whose counter somebody has not seen move for
the time of a lease is free to take, for that somebody.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

import attrs
import msgspec

from geowatch_aws.kinesis.checkpoint import SHARD_END, Checkpoint
from geowatch_aws.kinesis.lease import Lease, LeaseStore
from geowatch_aws.kinesis.shard import ready
from geowatch_core import PermanentError

__all__ = ["Coordinator", "Hold"]

_log = logging.getLogger(__name__)


@attrs.define(eq=False)
class Hold:
    """A lease that this worker holds, or held.

    Attributes:
        lease: as it was last written.
        renewed: when, by this worker's clock, the last write that worked began.
        lost: whether another worker has it; for good.
        lock: one write at a time: each needs the counter that the one before has left.
    """

    lease: Lease
    renewed: float
    lost: bool = False
    lock: threading.Lock = attrs.field(factory=threading.Lock)


class Coordinator:
    """The leases of one worker.

    Args:
        store: where leases are kept.
        owner: the name of this worker, that nobody else has or ever had.
        duration: seconds without a renewal after which a lease is free to take.
        clock: seconds that never go back.
        only: the shard to which this worker keeps; every shard, if None.
        chance: what free lease is tried first, so that workers do not all try the same.
    """

    def __init__(
        self,
        store: LeaseStore,
        owner: str,
        duration: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        only: str | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.owner = owner
        self._store = store
        self._duration = duration
        self._clock = clock
        self._only = only
        self._chance = chance or random.Random()  # noqa: S311 - nothing secret
        self._seen: dict[str, tuple[tuple[str | None, int], float]] = {}

    def take(self, leases: Mapping[str, Lease], holding: Collection[str]) -> Iterator[Hold]:
        """Take this worker's share of what is free; if nothing is, one of the most loaded worker.

        One by one: what was taken before a write failed is held all the same.

        Args:
            leases: all that there are, just read.
            holding: the keys of those that this worker holds.
        """
        expired = self._expired(leases)
        able = {k: v for k, v in leases.items() if not v.checkpoint.ended and ready(v, leases)}
        if self._only is not None:
            able = {k: v for k, v in able.items() if k == self._only}
        loads: Counter[str] = Counter(
            v.owner for k, v in able.items() if v.owner and k not in expired
        )
        loads[self.owner] = len(holding)
        # What is ours and not held was taken by a write whose answer was lost.
        takers = (None, self.owner)
        free = [
            v for k, v in able.items() if k not in holding and (v.owner in takers or k in expired)
        ]
        self._chance.shuffle(free)
        share = -(-len(able) // len(loads)) - len(holding)
        if share <= 0:
            return
        wanted = free[:share] or self._one_to_steal(able, loads)
        for lease in wanted:
            hold = self._taken(lease)
            if hold is not None:
                yield hold

    def _one_to_steal(self, able: Mapping[str, Lease], loads: Counter[str]) -> list[Lease]:
        """One lease of the worker with the most, if that makes their loads more equal."""
        loaded, most = loads.most_common(1)[0]
        if loaded == self.owner or most - loads[self.owner] < 2:
            return []
        return [self._chance.choice([v for v in able.values() if v.owner == loaded])]

    def _expired(self, leases: Mapping[str, Lease]) -> set[str]:
        """The owned leases whose counter has not moved for the time of a lease."""
        now = self._clock()
        seen = {}
        for key, lease in leases.items():
            mark = (lease.owner, lease.counter)
            before = self._seen.get(key)
            seen[key] = before if before is not None and before[0] == mark else (mark, now)
        self._seen = seen
        return {
            key
            for key, (mark, at) in seen.items()
            if mark[0] not in (None, self.owner) and now - at >= self._duration
        }

    def _taken(self, lease: Lease) -> Hold | None:
        # A list of leases is not read in one moment: it may have a child and lack the parent that
        # was made before it.
        leases = {p: now for p in lease.parents if (now := self._store.get(p)) is not None}
        if not ready(lease, leases):
            return None
        began = self._clock()
        switches = lease.switches + (lease.owner not in (None, self.owner))
        new = msgspec.structs.replace(
            lease, owner=self.owner, counter=lease.counter + 1, switches=switches
        )
        if self._store.replace(lease, new):
            return Hold(new, began)
        # The answer of a write that was made may have been lost, and the client asked again.
        now = self._store.get(lease.key)
        return Hold(now, began) if now is not None and now.owner == self.owner else None

    def due(self, hold: Hold) -> bool:
        """Whether a lease should be renewed now: thrice in its time."""
        return self._clock() - hold.renewed >= self._duration / 4

    def expired(self, hold: Hold) -> bool:
        """Whether others may have taken it, so that nothing more should be read by it."""
        return self._clock() - hold.renewed >= self._duration

    def renew(self, hold: Hold) -> bool:
        """Say that this worker is alive; False if the lease is lost."""
        return self._written(hold)

    def checkpoint(self, hold: Hold, checkpoint: Checkpoint) -> bool:
        """Remember how far the shard was dealt with; False if the lease is lost."""
        return self._written(hold, checkpoint=checkpoint, switches=0)

    def finish(self, hold: Hold) -> bool:
        """In one write, remember that the whole shard was dealt with and give the lease back."""
        return self._written(hold, checkpoint=Checkpoint(SHARD_END), switches=0, owner=None)

    def release(self, hold: Hold) -> bool:
        """Give a lease back, for anybody to take at once."""
        return self._written(hold, owner=None)

    def _written(self, hold: Hold, **changes: object) -> bool:
        with hold.lock:
            while not hold.lost:
                began = self._clock()
                old = hold.lease
                new = msgspec.structs.replace(old, counter=old.counter + 1, **changes)
                now = new if self._store.replace(old, new) else self._store.get(old.key)
                if now == new:  # also if an answer was lost, and the client has asked again
                    hold.lease, hold.renewed = new, began
                    hold.lost = new.owner != self.owner
                    return True
                if now is not None and now.owner == self.owner and now.counter > old.counter:
                    hold.lease = now  # an earlier write of ours, whose answer was lost
                else:
                    hold.lost = True
            return False


def ensure_of(stream: str, leases: Mapping[str, Lease], place: str) -> None:
    """Refuse leases of another stream: their positions would mean nothing here.

    Raises:
        PermanentError: one is of another stream, or of several.
    """
    name = stream.rpartition(":")[0]
    for key, lease in leases.items():
        if ":" in key:
            raise PermanentError(
                f"{place} holds leases of several streams, as the Kinesis Client Library "
                "writes them in multi-stream mode",
                got=key,
                fix="Choose another group, so that this stream has leases of its own.",
            )
        if lease.stream in (None, stream):
            continue
        other = lease.stream.rpartition(":")[0]
        if other != name:
            raise PermanentError(
                f"{place} holds leases of the stream {other}, not of {name}",
                got=lease.stream,
                fix="Choose another group: every stream that an application reads needs one.",
            )
        raise PermanentError(
            f"{place} holds leases of a stream {name} that was deleted and made anew since",
            got=lease.stream,
            fix="Delete these leases, or choose another group: what they say of the old stream "
            "would skip messages of the new one.",
        )
