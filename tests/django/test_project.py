"""A project of its own process: ``manage.py`` with the brokers of its settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.django import databases
from tests.django.databases import Raw
from tools.local import until

ROOT = Path(__file__).parents[2]


class Project:
    """The test project on one database, with settings of its own."""

    def __init__(self, database: dict[str, Any], settings: dict[str, Any]) -> None:
        self.raw = Raw(database)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TEST_DATABASES": json.dumps({"default": database}),
            "TEST_SETTINGS": json.dumps(settings),
            "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
        }

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """``python manage.py …``."""
        return self.run(ROOT / "tests/django/project/manage.py", *arguments)

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a program of Python."""
        return subprocess.run(
            [sys.executable, *command],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def start(self, *command: str | Path) -> "subprocess.Popen[str]":
        """Begin to run a program of Python."""
        return subprocess.Popen(
            [sys.executable, *command],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def send(self, *values: Any) -> None:
        """Have another process send these in one transaction."""
        program = (
            "import django; django.setup()\n"
            "from django.db import transaction\n"
            "from geowatch_core.contrib.django import outbox\n"
            "with transaction.atomic():\n"
            f"    outbox.send_many({list(values)!r}, topic='quakes')\n"
        )
        done = self.run("-c", program)
        assert done.returncode == 0, done.stderr

    def waiting(self) -> int:
        """How many rows the outbox has."""
        [(count,)] = self.raw.run("SELECT count(*) FROM geowatch_outbox")
        return int(count)


def brokers(out: Path, **source: Any) -> dict[str, Any]:
    """The settings of a project that drains its outbox to a file."""
    consumer = {"backend": "django-outbox", "topic": "quakes", "poll": 0.02, **source}
    producer = {"backend": "file", "path": str(out), "codec": "json"}
    return {
        "GEOWATCH_BROKERS": [
            {"name": "quakes", "consumers": [consumer], "producers": [producer], "timeout": 0.1}
        ]
    }


def new_database(kind: str, folder: Path) -> dict[str, Any]:
    """An empty database of its own."""
    if kind == "sqlite":
        return databases.sqlite_settings(folder / "project.db", timeout=30)
    name = f"p{os.urandom(6).hex()}"
    databases.postgres()
    databases.create(name)
    return databases.postgres_settings(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, project: None) -> dict[str, Any]:
    """A database that has no table yet."""
    return new_database(request.param, tmp_path)


def migrated(database: dict[str, Any], settings: dict[str, Any]) -> Project:
    """The project with its tables."""
    made = Project(database, settings)
    done = made.manage("migrate", "--verbosity=0")
    assert done.returncode == 0, done.stderr
    return made


def lines(path: Path) -> Iterator[Any]:
    """The values in a file of lines; a torn last line is none."""
    if path.exists():
        for line in path.read_bytes().rpartition(b"\n")[0].splitlines():
            yield json.loads(line)


def test_manage_runs_the_brokers_until_it_is_stopped(
    database: dict[str, Any], tmp_path: Path
) -> None:
    """What was sent before and while it runs is delivered; SIGTERM ends it well."""
    out = tmp_path / "out.jsonl"
    made = migrated(database, brokers(out))
    made.send({"number": 1}, {"number": 2})
    running = made.start(ROOT / "tests/django/project/manage.py", "geowatch", "run")
    try:
        until(lambda: len(list(lines(out))) == 2, "two messages are in the file")
        made.send({"number": 3})
        until(lambda: len(list(lines(out))) == 3, "the third message is in the file")
        until(lambda: made.waiting() == 0, "the outbox is empty")
        running.send_signal(signal.SIGTERM)
        said, complained = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, complained
    assert "quakes: stopped after" in said
    assert list(lines(out)) == [{"number": 1}, {"number": 2}, {"number": 3}]


def test_manage_runs_once_for_cron(database: dict[str, Any], tmp_path: Path) -> None:
    """With --max-cycle 1 it takes what is there, and ends."""
    out = tmp_path / "out.jsonl"
    made = migrated(database, brokers(out))
    made.send(1, 2)
    done = made.manage("geowatch", "run", "--max-cycle", "1")
    assert done.returncode == 0, done.stderr
    assert list(lines(out)) == [1, 2]


def test_manage_checks_and_lists_the_brokers(tmp_path: Path, project: None) -> None:
    """What each route promises; and a line for each."""
    settings = brokers(tmp_path / "out.jsonl")
    made = Project(databases.sqlite_settings(tmp_path / "project.db"), settings)
    done = made.manage("geowatch", "check")
    assert done.returncode == 0, done.stderr
    assert "settings.GEOWATCH_BROKERS: no mistakes; 1 broker, 1 route" in done.stdout
    assert "at least once" in done.stdout
    listed = made.manage("geowatch", "list").stdout
    assert listed == f"quakes: django-outbox:quakes -> file:{tmp_path / 'out.jsonl'}\n"


def test_a_mistake_keeps_every_command_from_running(tmp_path: Path, project: None) -> None:
    """Django's checks run before it; ``geowatch check`` would say the same."""
    settings = brokers(tmp_path / "out.jsonl", topik="quakes")
    made = Project(databases.sqlite_settings(tmp_path / "project.db"), settings)
    for command in (["check"], ["geowatch", "run"]):
        done = made.manage(*command)
        assert done.returncode == 1
        assert "(geowatch.E001)" in done.stderr
        assert "HINT: Did you mean topic?" in done.stderr


def test_a_database_without_the_tables_says_to_migrate(tmp_path: Path, project: None) -> None:
    """With the exit code of a channel that does not open, and at once: waiting would not help."""
    settings = brokers(tmp_path / "out.jsonl")
    made = Project(databases.sqlite_settings(tmp_path / "project.db"), settings)
    done = made.manage("geowatch", "run")
    assert done.returncode == 3
    assert "Run manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_project_that_is_switched_off_runs_no_broker(tmp_path: Path, project: None) -> None:
    """GEOWATCH_ENABLED, as in 2015."""
    settings = {**brokers(tmp_path / "out.jsonl"), "GEOWATCH_ENABLED": False}
    made = Project(databases.sqlite_settings(tmp_path / "project.db"), settings)
    done = made.manage("geowatch", "run")
    assert (done.returncode, done.stdout) == (0, "GEOWATCH_ENABLED is false: no broker runs.\n")


def test_the_outbox_is_drained_without_manage_py_too(tmp_path: Path, project: None) -> None:
    """``geowatch-core run`` needs DJANGO_SETTINGS_MODULE and nothing else."""
    out = tmp_path / "out.jsonl"
    settings = brokers(out, until_empty=True)
    made = migrated(databases.sqlite_settings(tmp_path / "project.db", timeout=30), settings)
    made.send(1)
    config = tmp_path / "outbox.json"
    config.write_text(json.dumps({"brokers": settings["GEOWATCH_BROKERS"]}))
    done = made.run("-m", "geowatch_core", "run", str(config))
    assert done.returncode == 0, done.stderr
    assert list(lines(out)) == [1]
    made.environment.pop("DJANGO_SETTINGS_MODULE")
    done = made.run("-m", "geowatch_core", "run", str(config))
    assert done.returncode == 3
    assert "Set the environment variable DJANGO_SETTINGS_MODULE" in done.stderr
