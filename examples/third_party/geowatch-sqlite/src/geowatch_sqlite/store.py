"""Keeps documents in a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from geowatch_core import Codec, Message, Store

from geowatch_sqlite._driver import Database
from geowatch_sqlite.backend import STORE
from geowatch_sqlite.options import SqliteStoreOptions


class SqliteStore(Store):
    """One document under its key; a write replaces it in one transaction."""

    capabilities = STORE

    def __init__(self, options: SqliteStoreOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(
            name=name, codec=codec, which=options.which, which_index=options.which_index
        )
        self._options = options

    def _open(self) -> None:
        self._database = Database(self._options.path, self._options.timeout)

    def _write(self, messages: Sequence[Message]) -> None:
        self._database.write(self._options.key, self.document(messages))

    def _read(self) -> Iterator[bytes]:
        document = self._database.read(self._options.key)
        return iter(() if document is None else (document,))

    def _close(self) -> None:
        self._database.close()
