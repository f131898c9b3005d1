"""Delivers to a topic in a SQLite file."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core import CONFIRMED, Codec, Message, Outcome, Producer

from geowatch_sqlite._driver import Database
from geowatch_sqlite.backend import PRODUCER
from geowatch_sqlite.options import SqliteProducerOptions


class SqliteProducer(Producer):
    """Appends to a topic; a batch is one transaction, and confirmed when it is on the disk."""

    capabilities = PRODUCER

    def __init__(self, options: SqliteProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self._options = options

    def _open(self) -> None:
        self._database = Database(self._options.path, self._options.timeout)

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        self._database.put(self._options.full_topic, messages)
        return [CONFIRMED] * len(messages)

    def _close(self) -> None:
        self._database.close()
