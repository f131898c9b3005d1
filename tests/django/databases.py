"""The databases of the tests, and ways to them past the code under test."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tools.local import HOST, Unavailable, free_ports
from tools.postgres_server import USER, PostgresServer

ALIASES = ("default", "postgres")
"""SQLite and PostgreSQL."""

POSTGRES = "quakes"
"""The database of PostgreSQL that has the alias postgres."""
Row = tuple[Any, ...]


@cache
def folder() -> Path:
    """Where SQLite's file of this run is."""
    return Path(tempfile.mkdtemp(prefix="geowatch-django-"))


@cache
def port() -> int:
    """Where PostgreSQL listens, or will."""
    return free_ports(1)[0]


@cache
def postgres() -> PostgresServer:
    """The server of this run, started when it is first needed."""
    try:
        server = PostgresServer(port()).start()
    except Unavailable as error:
        pytest.skip(f"no PostgreSQL: {error}")
    create(POSTGRES)
    return server


def create(database: str, like: str = "template1") -> None:
    """Make a database of the server with the tables of another, to which nobody is connected."""
    Raw(postgres_settings("postgres")).run(f"CREATE DATABASE {database} TEMPLATE {like}")


def stop() -> None:
    """Stop the server, if it was started."""
    if postgres.cache_info().currsize:
        postgres().stop()
        postgres.cache_clear()


def settings() -> dict[str, dict[str, Any]]:
    """Django's DATABASES."""
    return {
        "default": sqlite_settings(folder() / "default.db"),
        "postgres": postgres_settings(),
        "bare": sqlite_settings(folder() / "bare.db"),  # nobody makes its tables
    }


def sqlite_settings(path: Path, timeout: float = 30) -> dict[str, Any]:
    """One SQLite file; locks are waited for as long as `timeout`."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {"timeout": timeout},
    }


def postgres_settings(database: str = POSTGRES) -> dict[str, Any]:
    """One database of the server."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": HOST,
        "PORT": port(),
        "USER": USER,
        "NAME": database,
        "OPTIONS": {"connect_timeout": 2},
    }


class Raw:
    """One database of DATABASES, through its driver alone; what is run is committed."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.sqlite = given["ENGINE"].endswith("sqlite3")
        self._given = given

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A connection for as long as the context lasts."""
        opened: Any
        if self.sqlite:
            opened = sqlite3.connect(self._given["NAME"], isolation_level=None, timeout=30)
        else:
            names = {"host": "HOST", "port": "PORT", "user": "USER", "dbname": "NAME"}
            given = {name: self._given[setting] for name, setting in names.items()}
            opened = psycopg.connect(**given, autocommit=True)
        try:
            yield opened
        finally:
            opened.close()

    def run(self, sql: str, values: Sequence[Any] = (), *more: Sequence[Any]) -> list[Row]:
        """The rows of a statement; with more values, it is run for each in one transaction."""
        with self.connection() as opened:
            cursor = opened.cursor()
            text = sql.replace("%s", "?") if self.sqlite else sql
            if not more:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else []
            cursor.execute("BEGIN")
            cursor.executemany(text, [values, *more])
            cursor.execute("COMMIT")
            return []


def raw(alias: str) -> Raw:
    """A database by the name that Django knows it by."""
    return Raw(settings()[alias])
