"""Consumes what a store holds, once."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.capabilities import Capabilities
from geowatch_core.consumer import Consumer
from geowatch_core.message import Message
from geowatch_core.store import Store

__all__ = ["StoreReader"]


class StoreReader(Consumer):
    """A store as the source of a broker: it brings what the store holds, then it is exhausted.

    When all of it was acked the store is told, and may remember: most do not, and the next run
    reads them again.
    """

    capabilities = Capabilities()

    def __init__(self, store: Store) -> None:
        super().__init__(name=store.name, codec=store.codec)
        self._store = store
        self._left: list[Message] | None = None
        self._owed = 0

    @property
    def exhausted(self) -> bool:
        """Whether all that the store held was brought."""
        return self._left is not None and not self._left

    def _open(self) -> None:
        self._store.open()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        if self._left is None:
            self._left = self._store.read()
            self._owed = len(self._left)
        batch, self._left = self._left[:count], self._left[count:]
        return batch

    def _ack(self, messages: Sequence[Message]) -> None:
        owed = self._owed - len(messages)
        if not owed:
            self._store.settle()
        self._owed = owed

    def _nack(self, messages: Sequence[Message]) -> None:
        again = [Message(m.data, m.key, m.headers, m.time, m.position) for m in messages]
        self._left = again + (self._left or [])

    def _close(self) -> None:
        self._store.close()
