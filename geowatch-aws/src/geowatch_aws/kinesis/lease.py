"""A lease: who reads a shard, and how far it was dealt with. Where leases are kept is pluggable."""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec

from geowatch_aws.kinesis.checkpoint import Checkpoint

__all__ = ["Lease", "LeaseStore"]


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The lease of one shard. Each write of it raises the counter.

    Attributes:
        key: the shard's id.
        checkpoint: how far the shard was dealt with.
        owner: the worker that reads the shard; None if nobody does.
        counter: the number of the last write. A worker that is alive writes again and again, so a
            counter that stands still for the time of a lease is that of a worker that is gone.
        switches: changes of the owner since the checkpoint last moved.
        parents: the shards that must be dealt with before this one.
        stream: which stream it is a shard of, by name and creation time; None if a program that
            does not write this has made it.
        hashes: the first and last hash key of the shard.
    """

    key: str
    checkpoint: Checkpoint
    owner: str | None = None
    counter: int = 0
    switches: int = 0
    parents: tuple[str, ...] = ()
    stream: str | None = None
    hashes: tuple[str, str] | None = None


class LeaseStore(ABC):
    """Keeps the leases of one stream, for one application.

    Fencing rests on ``replace``: whoever was away and has lost a lease holds an old owner and
    counter, and is refused.

    Every method raises `RetryableError` where the store did not answer; what it was asked may have
    been done all the same. `PermanentError` where it refuses.
    """

    @abstractmethod
    def open(self) -> None:
        """Make sure that there is a place for leases."""

    @abstractmethod
    def all(self) -> list[Lease]:
        """Every lease."""

    @abstractmethod
    def get(self, key: str) -> Lease | None:
        """The lease of a shard, as the last finished write has left it."""

    @abstractmethod
    def create(self, lease: Lease) -> bool:
        """Keep a new lease; False if there is one of its key."""

    @abstractmethod
    def replace(self, old: Lease, new: Lease) -> bool:
        """In one step, keep `new` if owner and counter are those of `old`."""

    @abstractmethod
    def remove(self, old: Lease) -> bool:
        """In one step, forget a lease if owner and counter are those of `old`."""

    def close(self) -> None:  # noqa: B027 - most have taken nothing
        """Let go of what ``open`` has taken."""


def same(old: Lease, now: Lease | None) -> bool:
    """Whether nobody has written a lease since `old` was read."""
    return now is not None and (now.owner, now.counter) == (old.owner, old.counter)
