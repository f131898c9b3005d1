"""The only file that speaks SQL, and the one place that turns sqlite3's exceptions into ours."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from geowatch_core import ClosedError, Headers, Message, PermanentError, RetryableError

# Who holds a message stands in a table of its own: leasing must not rewrite large rows, and a
# lease is renewed in one row, however many messages it holds.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS geowatch_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    key BLOB,
    headers TEXT NOT NULL DEFAULT '[]',
    time REAL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS geowatch_messages_of_topic ON geowatch_messages (topic, id);
CREATE TABLE IF NOT EXISTS geowatch_leases (id INTEGER PRIMARY KEY, until REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS geowatch_held (
    message INTEGER PRIMARY KEY,
    lease INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS geowatch_held_by_lease ON geowatch_held (lease);
CREATE TABLE IF NOT EXISTS geowatch_documents (
    key TEXT PRIMARY KEY,
    document BLOB NOT NULL
) STRICT;
"""
_FREE = """
    topic = ? AND NOT EXISTS (
        SELECT 1 FROM geowatch_held JOIN geowatch_leases ON geowatch_leases.id = lease
        WHERE message = geowatch_messages.id AND until > ?
    )
"""
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,  # a race for the write-ahead log that was lost too often
}
_LOG_BYTES = 64 << 20
"""How large the write-ahead log stays on the disk after a burst."""


class Database:
    """One connection to a file, shared by the threads of one role; each call is one transaction.

    WAL lets readers and a writer of several processes work at once, and ``synchronous=FULL`` has a
    commit survive a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._closed = False
        with self._translated():
            self._connection = sqlite3.connect(
                path, timeout=timeout, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(time.monotonic() + timeout)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the connection; a call that comes later says so."""
        # What a child of fork inherited is its parent's to close.
        if os.getpid() == self._process:
            with self._lock, self._translated():
                self._closed = True
                self._connection.close()

    def put(self, topic: str, messages: Sequence[Message]) -> None:
        """Append all of the messages to a topic, or none of them."""
        rows = ((topic, m.key, _written(m.headers), m.time, m.data) for m in messages)
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT INTO geowatch_messages (topic, key, headers, time, data)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )

    def take(self, topic: str, count: int, lease: int, seconds: float) -> list[Message]:
        """Lease the first `count` messages of a topic that nobody holds, in order."""
        with self._transaction() as cursor:
            now = time.time()
            cursor.execute(
                "INSERT INTO geowatch_leases VALUES (?, ?)"
                " ON CONFLICT (id) DO UPDATE SET until = excluded.until",
                (lease, now + seconds),
            )
            rows = cursor.execute(
                "SELECT id, data, key, headers, time FROM geowatch_messages"
                f" WHERE {_FREE} ORDER BY id LIMIT ?",
                (topic, now, count),
            ).fetchall()
            cursor.executemany(
                "REPLACE INTO geowatch_held VALUES (?, ?)", [(row[0], lease) for row in rows]
            )
        return [
            Message(data, key, _read(headers), at, position)
            for position, data, key, headers, at in rows
        ]

    def ready(self, topic: str) -> bool:
        """Whether a topic has a message that nobody holds."""
        sql = f"SELECT 1 FROM geowatch_messages WHERE {_FREE} LIMIT 1"
        return self._row(sql, topic, time.time()) is not None

    def done(self, topic: str, lease: int) -> bool:
        """Whether a topic has nothing but what this lease holds."""
        sql = (
            "SELECT 1 FROM geowatch_messages LEFT JOIN geowatch_held"
            " ON message = geowatch_messages.id WHERE topic = ? AND lease IS NOT ? LIMIT 1"
        )
        return self._row(sql, topic, lease) is None

    def renew(self, lease: int, seconds: float) -> None:
        """Hold what a lease holds for longer."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE geowatch_leases SET until = ? WHERE id = ?", (time.time() + seconds, lease)
            )

    def remove(self, lease: int, positions: Sequence[int]) -> int:
        """Delete messages, if this lease still holds them; how many it did."""
        held = [(position, lease) for position in positions]
        with self._transaction() as cursor:
            cursor.executemany(
                "DELETE FROM geowatch_messages WHERE id = (SELECT message FROM geowatch_held"
                " WHERE message = ? AND lease = ?)",
                held,
            )
            removed = cursor.rowcount
            cursor.executemany("DELETE FROM geowatch_held WHERE message = ? AND lease = ?", held)
        return removed

    def release(self, lease: int, positions: Sequence[int]) -> None:
        """Give messages back."""
        with self._transaction() as cursor:
            cursor.executemany(
                "DELETE FROM geowatch_held WHERE message = ? AND lease = ?",
                [(position, lease) for position in positions],
            )

    def end(self, lease: int) -> None:
        """Give back all that a lease holds, and forget it and those that have run out empty."""
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM geowatch_held WHERE lease = ?", (lease,))
            cursor.execute(
                "DELETE FROM geowatch_leases WHERE id = ?"
                " OR until < ? AND id NOT IN (SELECT lease FROM geowatch_held)",
                (lease, time.time()),
            )

    def write(self, key: str, document: bytes) -> None:
        """Replace a document."""
        with self._transaction() as cursor:
            cursor.execute("REPLACE INTO geowatch_documents VALUES (?, ?)", (key, document))

    def read(self, key: str) -> bytes | None:
        """A document, or None."""
        row = self._row("SELECT document FROM geowatch_documents WHERE key = ?", key)
        return None if row is None else bytes(row[0])

    def _prepare(self, deadline: float) -> None:
        """Bring the file into write-ahead mode, and make what is not there."""
        run = self._connection.execute
        mode = ""
        while not mode:
            try:
                (mode,) = run("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as error:
                # SQLite does not wait, as elsewhere, while another process changes the mode.
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            fix = "Give the path of a file, on a disk of this machine: nothing else is durable."
            raise PermanentError("SQLite keeps no write-ahead log here", got=self._path, fix=fix)
        for pragma in ("synchronous=FULL", "fullfsync=ON", f"journal_size_limit={_LOG_BYTES}"):
            run(f"PRAGMA {pragma}").close()
        if run("SELECT 1 FROM sqlite_schema WHERE name = 'geowatch_documents'").fetchone() is None:
            with self._changing() as cursor:  # two processes must not half make it each
                for statement in _SCHEMA.split(";"):
                    cursor.execute(statement)

    def _row(self, sql: str, *values: object) -> tuple[bytes] | None:
        """The first row of a query, which takes no write lock."""
        with self._using():
            row: tuple[bytes] | None = self._connection.execute(sql, values).fetchone()
            return row

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with self._using(), self._changing() as cursor:
            yield cursor

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Cursor]:
        cursor = self._connection.cursor()
        try:
            # Ask for the write lock first: a transaction that began as a reader cannot wait for it.
            cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise
        finally:
            cursor.close()

    @contextmanager
    def _using(self) -> Iterator[None]:
        if os.getpid() != self._process:
            raise PermanentError(
                "A SQLite connection was used after a fork",
                got=self._path,
                fix="Open consumers, producers and stores in the process that uses them.",
            )
        with self._lock, self._translated():
            if self._closed:
                raise ClosedError(f"{self._path} was closed", fix="Open it again.")
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
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
