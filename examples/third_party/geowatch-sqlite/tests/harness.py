"""What the conformance kit must know of this backend."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from geowatch_core import Message
from geowatch_core.backend import RoleName
from geowatch_core.testing import Fault, Harness

from geowatch_sqlite._driver import Database

TABLES = {"deliver": "messages", "ack": "messages", "nack": "held", "consume": "messages"}


class SqliteHarness(Harness):
    """A file of its own for every check, looked at with sqlite3 alone."""

    backend: ClassVar[str] = "sqlite"
    driver_modules: ClassVar[Sequence[str]] = ("sqlite3", "geowatch_sqlite._driver")
    silence: ClassVar[float] = 0.1

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.path: Path = self.folder / "queue.db"
        self._taken = 0

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """A short lease and a short wait for locks: checks must not take long."""
        given: dict[str, Any] = {"path": str(self.path), "timeout": 0.2}
        if role == "store":
            return {**given, "key": self.unique}
        return {**given, "topic": self.unique, **({"lease": 1.0} if role == "consumer" else {})}

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Insert rows."""
        rows = [(self.unique, m.key, _headers(m), m.time, m.data) for m in messages]
        with self._raw() as raw, raw:
            raw.executemany(
                "INSERT INTO geowatch_messages (topic, key, headers, time, data)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )

    def raw_take(self) -> list[Message]:
        """Select the rows that are new."""
        with self._raw() as raw:
            rows = raw.execute(
                "SELECT id, data, key, headers, time FROM geowatch_messages"
                " WHERE topic = ? AND id > ? ORDER BY id",
                (self.unique, self._taken),
            ).fetchall()
        self._taken = rows[-1][0] if rows else self._taken
        return [
            Message(data, key, tuple((n, bytes.fromhex(v)) for n, v in json.loads(headers)), at)
            for _, data, key, headers, at in rows
        ]

    def raw_write(self, document: bytes) -> None:
        """Replace a row."""
        with self._raw() as raw, raw:
            raw.execute("REPLACE INTO geowatch_documents VALUES (?, ?)", (self.unique, document))

    def raw_read(self) -> list[bytes]:
        """Select a row."""
        with self._raw() as raw:
            sql = "SELECT document FROM geowatch_documents WHERE key = ?"
            return [row[0] for row in raw.execute(sql, (self.unique,))]

    def raw_waiting(self) -> int:
        """Count the rows that nobody holds."""
        with self._raw() as raw:
            (count,) = raw.execute(
                "SELECT count(*) FROM geowatch_messages WHERE topic = ?"
                " AND id NOT IN (SELECT message FROM geowatch_held)",
                (self.unique,),
            ).fetchone()
        return int(count)

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """The limit is an option."""
        return {"max_unsettled": 3}, 3

    def break_with(self, fault: Fault) -> AbstractContextManager[object] | None:
        """Lock the file, or spoil it. A batch is one transaction, so none fails in part.

        In write-ahead mode a reader waits for nobody: there is no passing failure to read.
        """
        if fault.indexes is not None or fault.retry_after is not None:
            return None
        if fault.at == "open":
            return self._locked() if fault.kind == "retryable" else self._no_database()
        if fault.kind == "permanent":
            return self._without(TABLES.get(fault.at, "documents"))
        return None if fault.at == "read" else self._locked()

    @contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection]:
        Database(str(self.path), timeout=5).close()  # makes the tables, and does nothing else
        with closing(sqlite3.connect(self.path)) as connection:
            yield connection

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the write lock; of a new file the only lock."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")

    @contextmanager
    def _no_database(self) -> Iterator[None]:
        self.path.write_bytes(b"Latitude,Longitude\n" * 100)
        yield
        self.path.unlink()

    @contextmanager
    def _without(self, table: str) -> Iterator[None]:
        with self._raw() as raw:
            raw.execute(f"ALTER TABLE geowatch_{table} RENAME TO gone")
            yield
            raw.execute(f"ALTER TABLE gone RENAME TO geowatch_{table}")


def _headers(message: Message) -> str:
    return json.dumps([[name, value.hex()] for name, value in message.headers])
