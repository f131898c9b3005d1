"""The shards of a stream, and which of them are read when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from geowatch_aws.kinesis.checkpoint import LATEST, TRIM_HORIZON, Checkpoint
from geowatch_aws.kinesis.lease import Lease

__all__ = ["Shard", "finished", "missing", "ready"]


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One shard as the service lists it.

    Attributes:
        id: its id.
        parents: the shards it was split from or merged of.
        closed: whether it takes no more records.
        hashes: its first and last hash key.
    """

    id: str
    parents: tuple[str, ...] = ()
    closed: bool = False
    hashes: tuple[str, str] | None = None


def missing(
    shards: Iterable[Shard],
    leases: Mapping[str, Lease],
    begin: Checkpoint,
    stream: str | None = None,
) -> list[Lease]:
    """The leases that are not there yet, parents before children.

    What descends from a shard that has a lease begins at its oldest record: all of that came while
    we were reading. Any other shard is one of the first, and begins where `begin` says. Of those,
    a closed one holds nothing that is latest.
    """
    by_id = {shard.id: shard for shard in shards}
    inherits: dict[str, bool] = {}
    made = []
    for shard in _parents_first(by_id):
        leased = any(parent in leases or inherits.get(parent, False) for parent in shard.parents)
        inherits[shard.id] = leased
        if shard.id in leases or (shard.closed and begin.at == LATEST and not leased):
            continue
        made.append(
            Lease(
                key=shard.id,
                checkpoint=Checkpoint(TRIM_HORIZON) if leased else begin,
                parents=shard.parents,
                stream=stream,
                hashes=shard.hashes,
            )
        )
    return made


def ready(lease: Lease, leases: Mapping[str, Lease]) -> bool:
    """Whether a shard may be read: each of its parents that has a lease was read to its end.

    A parent without a lease was never to be read, or has long been done with.
    """
    return all(leases[p].checkpoint.ended for p in lease.parents if p in leases)


def finished(shards: Iterable[Shard], leases: Mapping[str, Lease]) -> list[Lease]:
    """The leases that can be forgotten.

    Their shards were read to the end and have left the stream, and a child of theirs has a lease,
    by which its own children will be known.
    """
    listed = {shard.id for shard in shards}
    continued = {parent for lease in leases.values() for parent in lease.parents}
    return [
        lease
        for lease in leases.values()
        if lease.checkpoint.ended and lease.key not in listed and lease.key in continued
    ]


def _parents_first(by_id: Mapping[str, Shard]) -> list[Shard]:
    done: dict[str, Shard] = {}

    # Depth is the number of reshardings within the retention: a stack of our own, not Python's.
    for start in sorted(by_id):
        stack = [start]
        while stack:
            shard = by_id[stack[-1]]
            waiting = [p for p in shard.parents if p in by_id and p not in done]
            if waiting and shard.id not in done:
                stack += waiting
            else:
                done[stack.pop()] = shard
    return list(done.values())
