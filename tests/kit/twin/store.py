"""Keeps documents as memory does, in a service that can fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from geowatch_core.codec import Codec
from geowatch_core.errors import TooLargeError
from geowatch_core.memory.store import MemoryStore
from geowatch_core.message import Message
from tests.kit.twin import _driver
from tests.kit.twin.backend import LARGEST_DOCUMENT, STORE
from tests.kit.twin.options import TwinStoreOptions


class TwinStore(MemoryStore):
    """The good twin of those that are sabotaged."""

    capabilities = STORE

    def __init__(self, options: TwinStoreOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(options, name=name, codec=codec)
        self.channel = options.key

    def _open(self) -> None:
        self._call("open")

    def _write(self, messages: Sequence[Message]) -> None:
        size = len(self.document(messages))
        if size > LARGEST_DOCUMENT:
            raise TooLargeError("The document is too large", got=size, fix="Write less at once.")
        self._call("write")
        super()._write(messages)

    def _read(self) -> Iterator[bytes]:
        self._call("read")
        return super()._read()

    def _call(self, at: str) -> None:
        try:
            _driver.call(self.channel, at)
        except _driver.DriverError as error:
            raise _driver.failure(error) from error
