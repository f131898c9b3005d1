"""Django is set up once in the process of the tests, with SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator

import pytest

from tests.django import databases


@pytest.fixture(scope="session")
def project() -> Iterator[None]:
    """The test project, ready; its databases are made when they are asked for."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django.project.settings"
    os.environ["TEST_DATABASES"] = json.dumps(databases.settings())
    django.setup()
    yield
    from django.db import connections

    connections.close_all()
    databases.stop()
    shutil.rmtree(databases.folder(), ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(project: None) -> set[str]:
    """The databases that have their tables."""
    return set()


@pytest.fixture(params=databases.ALIASES)
def alias(request: pytest.FixtureRequest, migrated: set[str]) -> Iterator[str]:
    """A database with the project's tables, empty; the test runs once with each."""
    yield from ready(request.param, migrated)


@pytest.fixture
def postgres(migrated: set[str]) -> Iterator[str]:
    """PostgreSQL, for what only a database with many writers can do."""
    yield from ready("postgres", migrated)


def ready(name: str, migrated: set[str]) -> Iterator[str]:
    """Give a database its tables once, and empty them afterwards."""
    from django.core.management import call_command
    from django.db import connections

    if name == "postgres":
        databases.postgres()
    if name not in migrated:
        call_command("migrate", database=name, verbosity=0)
        migrated.add(name)
    yield name
    connections[name].close()
    for table in ("geowatch_outbox", "geowatch_outbox_lease", "quakes_quake"):
        databases.raw(name).run(f"DELETE FROM {table}")
