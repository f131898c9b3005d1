"""The only file that speaks SQL, and the one place that turns sqlite3's exceptions into ours."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.message import Headers, Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS geowatch_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    data BLOB NOT NULL,
    key BLOB,
    headers TEXT NOT NULL,
    time REAL,
    lease TEXT,
    leased_until REAL NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS geowatch_by_topic ON geowatch_messages (topic, id);
CREATE TABLE IF NOT EXISTS geowatch_documents (
    key TEXT PRIMARY KEY,
    document BLOB NOT NULL
) STRICT;
"""
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class Database:
    """One connection to a file, shared by the threads of one role; each call is one transaction.

    WAL lets readers and a writer of several processes work at once, and ``synchronous=FULL`` has a
    commit survive a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._translated():
            self._connection = sqlite3.connect(
                path, timeout=timeout, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.execute("PRAGMA journal_mode=WAL").close()
                self._connection.execute("PRAGMA synchronous=FULL").close()
                self._connection.executescript(_SCHEMA)
            except BaseException:
                self._connection.close()
                raise
        self._process = os.getpid()

    def close(self) -> None:
        """Close the connection."""
        with self._lock, self._translated():
            self._connection.close()

    def put(self, topic: str, messages: Sequence[Message]) -> None:
        """Append all of the messages to a topic, or none of them."""
        rows = [(topic, m.data, m.key, _written(m.headers), m.time) for m in messages]
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT INTO geowatch_messages (topic, data, key, headers, time)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )

    def take(self, topic: str, count: int, lease: str, seconds: float) -> list[Message]:
        """Lease the first `count` messages of a topic that nobody holds, in order."""
        now = time.time()
        with self._transaction() as cursor:
            rows = cursor.execute(
                "SELECT id, data, key, headers, time FROM geowatch_messages"
                " WHERE topic = ? AND leased_until <= ? ORDER BY id LIMIT ?",
                (topic, now, count),
            ).fetchall()
            cursor.executemany(
                "UPDATE geowatch_messages SET lease = ?, leased_until = ? WHERE id = ?",
                [(lease, now + seconds, row[0]) for row in rows],
            )
        return [
            Message(data, key, _read(headers), at, position)
            for position, data, key, headers, at in rows
        ]

    def ready(self, topic: str) -> bool:
        """Whether a topic has a message that nobody holds. Takes no write lock."""
        with self._lock, self._translated():
            return (
                self._connection.execute(
                    "SELECT 1 FROM geowatch_messages"
                    " WHERE topic = ? AND leased_until <= ? LIMIT 1",
                    (topic, time.time()),
                ).fetchone()
                is not None
            )

    def renew(self, lease: str, seconds: float) -> None:
        """Hold what a lease holds for longer."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE geowatch_messages SET leased_until = ? WHERE lease = ?",
                (time.time() + seconds, lease),
            )

    def remove(self, lease: str, positions: Sequence[int]) -> int:
        """Delete messages, if this lease still holds them; how many it did."""
        with self._transaction() as cursor:
            cursor.executemany(
                "DELETE FROM geowatch_messages WHERE id = ? AND lease = ?",
                [(position, lease) for position in positions],
            )
            return cursor.rowcount

    def release(self, lease: str, positions: Sequence[int] | None = None) -> None:
        """Give messages back, or all that the lease holds."""
        sql = "UPDATE geowatch_messages SET lease = NULL, leased_until = 0 WHERE lease = ?"
        with self._transaction() as cursor:
            if positions is None:
                cursor.execute(sql, (lease,))
            else:
                cursor.executemany(f"{sql} AND id = ?", [(lease, p) for p in positions])

    def write(self, key: str, document: bytes) -> None:
        """Replace a document."""
        with self._transaction() as cursor:
            cursor.execute("REPLACE INTO geowatch_documents VALUES (?, ?)", (key, document))

    def read(self, key: str) -> bytes | None:
        """A document, or None."""
        with self._lock, self._translated():
            row = self._connection.execute(
                "SELECT document FROM geowatch_documents WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        if os.getpid() != self._process:
            raise PermanentError(
                "A SQLite connection was used after a fork",
                got=self._path,
                fix="Open consumers, producers and stores in the process that uses them.",
            )
        with self._lock, self._translated():
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
            finally:
                cursor.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            what = f"SQLite says: {error}"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
                fix = "Have whoever holds the file finish, or make room on its disk."
                raise RetryableError(what, got=self._path, fix=fix) from error
            fix = "Check that the path is a SQLite file in a folder that may be written to."
            raise PermanentError(what, got=self._path, fix=fix) from error


def _written(headers: Headers) -> str:
    return json.dumps([[name, value.hex()] for name, value in headers])


def _read(headers: str) -> Headers:
    return tuple((name, bytes.fromhex(value)) for name, value in json.loads(headers))
