"""Leases in the memory of this process."""

from __future__ import annotations

import threading
from typing import ClassVar

from geowatch_aws.kinesis.lease import Lease, LeaseStore, same

__all__ = ["MemoryLeases"]


class MemoryLeases(LeaseStore):
    """Gone with the process; for tests, and for a consumer that shares its stream with nobody."""

    _shared: ClassVar[dict[tuple[str, ...], MemoryLeases]] = {}
    _sharing: ClassVar = threading.Lock()

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._lock = threading.Lock()

    @classmethod
    def shared(cls, *name: str) -> MemoryLeases:
        """The leases of that name, the same for all of this process."""
        with cls._sharing:
            return cls._shared.setdefault(name, cls())

    def open(self) -> None:
        """Nothing to do."""

    def all(self) -> list[Lease]:
        """Every lease."""
        with self._lock:
            return list(self._leases.values())

    def get(self, key: str) -> Lease | None:
        """The lease of a shard."""
        with self._lock:
            return self._leases.get(key)

    def create(self, lease: Lease) -> bool:
        """Keep a new lease, if there is none of its key."""
        with self._lock:
            return self._leases.setdefault(lease.key, lease) is lease

    def replace(self, old: Lease, new: Lease) -> bool:
        """Keep `new` where `old` is."""
        with self._lock:
            if not same(old, self._leases.get(old.key)):
                return False
            self._leases[new.key] = new
            return True

    def remove(self, old: Lease) -> bool:
        """Forget a lease."""
        with self._lock:
            if not same(old, self._leases.get(old.key)):
                return False
            del self._leases[old.key]
            return True
