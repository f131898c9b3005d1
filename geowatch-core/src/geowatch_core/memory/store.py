"""Keeps documents in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from geowatch_core.codec import Codec
from geowatch_core.memory import _driver
from geowatch_core.memory.backend import STORE
from geowatch_core.memory.options import MemoryStoreOptions
from geowatch_core.message import Message
from geowatch_core.store import Store


class MemoryStore(Store):
    """One document under its key; a write replaces it."""

    capabilities = STORE

    def __init__(self, options: MemoryStoreOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(
            name=name, codec=codec, which=options.which, which_index=options.which_index
        )
        self._key = options.key

    def _write(self, messages: Sequence[Message]) -> None:
        _driver.documents()[self._key] = self.document(messages)

    def _read(self) -> Iterator[bytes]:
        document = _driver.documents().get(self._key)
        return iter(() if document is None else (document,))
