"""What the conformance kit must know of ``django-outbox``."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar
from unittest import mock

import pytest

from geowatch_core.backend import RoleName
from geowatch_core.message import Message
from geowatch_core.testing import Fault, Harness
from tests.django.conftest import ready
from tests.django.databases import POSTGRES, Raw, postgres_settings, raw

OUTBOX = "geowatch_outbox"


class OutboxHarness(Harness):
    """A topic of its own for every check, looked at with the database's driver alone."""

    backend = "django-outbox"
    driver_modules: ClassVar[Sequence[str]] = (
        "django",
        "geowatch_core.contrib.django.outbox._driver",
    )
    patience = 20.0
    alias: ClassVar[str]

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self._ready = ready(self.alias, request.getfixturevalue("migrated"))
        next(self._ready)
        self.raw = raw(self.alias)

    def stop(self) -> None:
        """Empty the tables."""
        next(self._ready, None)

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """A short lease and a short wait: checks must not take long."""
        return {
            "topic": self.unique,
            "using": self.alias,
            "lease": 1.5,
            "poll": 0.02,
            "timeout": 20.0,
        }

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Insert rows."""
        rows = [
            (self.unique, m.key, packed(m.headers), m.time, m.data, "2026-01-01 00:00:00+00:00")
            for m in messages
        ]
        if rows:
            self.raw.run(
                f"INSERT INTO {OUTBOX} (topic, key, headers, time, data, created)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                *rows,
            )

    def raw_waiting(self) -> int:
        """Count the rows that nobody holds."""
        sql = f"SELECT count(*) FROM {OUTBOX} WHERE topic = %s AND lease IS NULL"
        [(count,)] = self.raw.run(sql, (self.unique,))
        return int(count)

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """The limit is an option."""
        return {"max_unsettled": 3}, 3

    def break_with(self, fault: Fault) -> AbstractContextManager[object] | None:
        """Lock or close the database, or take its table away. Nothing fails in part.

        SQLite's lock is told by its client, at once: a real one would be waited for as long as a
        busy machine needs.
        """
        if fault.indexes is not None or fault.retry_after is not None:
            return None
        if fault.kind == "permanent":
            return self._without("geowatch_outbox_lease" if fault.at == "open" else OUTBOX)
        return self._locked() if self.raw.sqlite else self._closed()

    @contextmanager
    def _without(self, table: str) -> Iterator[None]:
        self.raw.run(f"ALTER TABLE {table} RENAME TO gone")
        try:
            yield
        finally:
            self.raw.run(f"ALTER TABLE gone RENAME TO {table}")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Have SQLite's client say that another one holds the lock."""
        from django.db.backends.sqlite3.base import SQLiteCursorWrapper

        def locked(*_: object) -> Any:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

        with mock.patch.object(SQLiteCursorWrapper, "execute", locked):
            yield

    @contextmanager
    def _closed(self) -> Iterator[None]:
        """Have PostgreSQL end every connection, and take no new one."""
        allow = f"ALTER DATABASE {POSTGRES} ALLOW_CONNECTIONS"
        with Raw(postgres_settings("postgres")).connection() as connection:
            connection.execute(f"{allow} false")
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                (POSTGRES,),
            )
            yield
            connection.execute(f"{allow} true")


class SqliteOutbox(OutboxHarness):
    """In a SQLite file."""

    alias = "default"


class PostgresOutbox(OutboxHarness):
    """In PostgreSQL."""

    alias = "postgres"


def packed(headers: Sequence[tuple[str, bytes]]) -> bytes | None:
    """Headers as the column has them, by another JSON implementation."""
    pairs = [[name, base64.b64encode(value).decode()] for name, value in headers]
    return json.dumps(pairs).encode() if pairs else None
