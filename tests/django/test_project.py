"""A project of its own process: ``manage.py`` with the brokers of its settings."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.django import databases
from tests.django.conftest import ready
from tests.django.databases import Raw
from tools.local import until

ROOT = Path(__file__).parents[2]
MANAGE = ROOT / "tests/django/project/manage.py"


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

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
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

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
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
        """Put these into the outbox, as another program would."""
        rows = [("quakes", json.dumps(value).encode(), "2026-01-01") for value in values]
        insert = "INSERT INTO geowatch_outbox (topic, data, created) VALUES (%s, %s, %s)"
        self.raw.run(insert, *rows)

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


def made(kind: str, folder: Path, tables: set[str], settings: dict[str, Any]) -> Project:
    """The project on a database of its own, with its tables."""
    alias = {"sqlite": "default", "postgresql": "postgres"}[kind]
    for _ in ready(alias, tables):  # that has the tables, and nobody uses it when this has ended
        pass
    if kind == "sqlite":
        shutil.copy(databases.folder() / "default.db", folder / "project.db")
        return Project(databases.sqlite_settings(folder / "project.db"), settings)
    name = f"p{os.urandom(6).hex()}"
    databases.create(name, like=databases.POSTGRES)
    return Project(databases.postgres_settings(name), settings)


def lines(path: Path) -> Iterator[Any]:
    """The values in a file of lines; a torn last line is none."""
    if path.exists():
        for line in path.read_bytes().rpartition(b"\n")[0].splitlines():
            yield json.loads(line)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_manage_runs_the_brokers_until_it_is_stopped(
    kind: str, tmp_path: Path, migrated: set[str]
) -> None:
    """What was sent before and while it runs is delivered; SIGTERM ends it well."""
    out = tmp_path / "out.jsonl"
    project = made(kind, tmp_path, migrated, brokers(out))
    project.send({"number": 1}, {"number": 2})
    running = project.start(MANAGE, "geowatch", "run")
    try:
        until(lambda: len(list(lines(out))) == 2, "two messages are in the file")
        project.send({"number": 3})
        until(lambda: len(list(lines(out))) == 3, "the third message is in the file")
        until(lambda: project.waiting() == 0, "the outbox is empty")
        running.send_signal(signal.SIGTERM)
        said, complained = running.communicate(timeout=60)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 0, complained
    assert "quakes: stopped after" in said
    assert list(lines(out)) == [{"number": 1}, {"number": 2}, {"number": 3}]


def test_the_outbox_is_drained_without_manage_py_too(tmp_path: Path, migrated: set[str]) -> None:
    """``geowatch-core run`` needs DJANGO_SETTINGS_MODULE, and without it says so."""
    out = tmp_path / "out.jsonl"
    settings = brokers(out, until_empty=True)
    config = tmp_path / "outbox.json"
    config.write_text(json.dumps({"brokers": settings["GEOWATCH_BROKERS"]}))
    project = made("sqlite", tmp_path, migrated, settings)
    project.send(1)
    done = project.run("-m", "geowatch_core", "run", str(config))
    assert done.returncode == 0, done.stderr
    assert list(lines(out)) == [1]
    project.environment.pop("DJANGO_SETTINGS_MODULE")
    done = project.run("-m", "geowatch_core", "run", str(config))
    assert done.returncode == 3
    assert "Set the environment variable DJANGO_SETTINGS_MODULE" in done.stderr


def test_a_mistake_keeps_a_command_from_running(tmp_path: Path, project: None) -> None:
    """Django's checks run before it."""
    settings = brokers(tmp_path / "out.jsonl", topik="quakes")
    done = Project(databases.settings()["bare"], settings).run(MANAGE, "geowatch", "run")
    assert done.returncode == 1
    assert "(geowatch.E001)" in done.stderr
    assert "HINT: Did you mean topic?" in done.stderr


@pytest.mark.usefixtures("project")
def test_manage_checks_and_lists_the_brokers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What each route promises; and a line for each."""
    out = tmp_path / "out.jsonl"
    manage("check", brokers(out))
    said = capsys.readouterr().out
    assert "settings.GEOWATCH_BROKERS: no mistakes; 1 broker, 1 route" in said
    assert "at least once" in said
    manage("list", brokers(out))
    assert capsys.readouterr().out == f"quakes: django-outbox:quakes -> file:{out}\n"


def test_manage_runs_once_for_cron(alias: str, tmp_path: Path) -> None:
    """With --max-cycle 1 it takes what is there, and ends."""
    from geowatch_core.contrib.django import outbox

    out = tmp_path / "out.jsonl"
    outbox.send_many([1, 2], topic="quakes", using=alias)
    manage("run", brokers(out, using=alias), "--max-cycle=1")
    assert list(lines(out)) == [1, 2]


@pytest.mark.usefixtures("project")
def test_a_database_without_the_tables_says_to_migrate(tmp_path: Path) -> None:
    """With the exit code of a channel that does not open, and at once: waiting would not help."""
    from django.core.management import CommandError

    with pytest.raises(CommandError, match=r"Run manage\.py migrate") as caught:
        manage("run", brokers(tmp_path / "out.jsonl", using="bare"))
    assert caught.value.returncode == 3


@pytest.mark.usefixtures("project")
def test_a_project_that_is_switched_off_runs_no_broker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GEOWATCH_ENABLED, as in 2015; and a list says so, too."""
    off = {**brokers(tmp_path / "out.jsonl"), "GEOWATCH_ENABLED": False}
    manage("run", off)
    assert capsys.readouterr().out == "GEOWATCH_ENABLED is false: no broker runs.\n"
    manage("list", off)
    assert capsys.readouterr().out.startswith("quakes (not enabled): ")


@pytest.mark.usefixtures("project")
def test_without_brokers_the_command_says_how_to_write_them() -> None:
    """With the exit code of a mistake."""
    from django.core.management import CommandError

    with pytest.raises(CommandError, match="Set it to a list of tables") as caught:
        manage("run", {})
    assert caught.value.returncode == 2


def manage(command: str, settings: dict[str, Any], *arguments: str) -> None:
    """``manage.py geowatch …``, in this process."""
    from django.core.management import call_command
    from django.test import override_settings

    with override_settings(**settings):
        call_command("geowatch", command, *arguments)
