"""A new backend begins as a distribution that is whole but for what only its author can know."""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from geowatch_core.backend import ROLES, RoleName
from geowatch_core.errors import ConfigurationError
from geowatch_core.scaffold.command import add_commands
from geowatch_core.scaffold.project import scaffold
from tests.packaging.environment import Environment, Shelf, clean
from tests.packaging.workspace import CORE

LONGEST = "a" * 24
HEADINGS = ["Install", "Roles", "Guarantees", "Options", "Errors", "Example"]
SUBSETS = [roles for count in (1, 2, 3) for roles in itertools.combinations(sorted(ROLES), count)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution as it is made, with all roles."""
    return scaffold("my_queue", tmp_path_factory.mktemp("scaffold"))


@pytest.fixture(scope="module")
def environment(
    project: Path, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """One with that distribution installed from its wheel."""
    built = tmp_path_factory.mktemp("built")
    shelf.build(project, built)
    made = Environment.make(tmp_path_factory.mktemp("environment") / "venv", shelf)
    made.install("geowatch-my-queue[testing]", first=built)
    return made


def lint(folder: Path, *arguments: str) -> str:
    """What ruff finds, judging by the project's own configuration."""
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize("roles", SUBSETS, ids="+".join)
@pytest.mark.parametrize("name", ["x", LONGEST])
def test_whatever_its_roles_it_passes_lint(
    name: str, roles: tuple[RoleName, ...], tmp_path: Path
) -> None:
    """Every file of every choice of roles is clean and formatted, with a short and a long name."""
    made = scaffold(name, tmp_path, roles)
    assert lint(made, "check") == ""
    assert lint(made, "format", "--check") == ""


def test_it_has_a_file_for_each_role_and_no_other(tmp_path: Path) -> None:
    """The tree is the capability table: a role that was not chosen has no file and no name."""
    made = scaffold("x", tmp_path, ["producer"])
    assert sorted(path.name for path in (made / "src/geowatch_x").iterdir()) == [
        "__init__.py",
        "_driver.py",
        "backend.py",
        "options.py",
        "producer.py",
        "py.typed",
    ]
    for path in made.rglob("*.py"):
        assert "Consumer" not in path.read_text(), path
        assert "Store" not in path.read_text(), path


def test_nothing_of_a_template_is_left(project: Path) -> None:
    """No mark and no blank of a template is in what was made, and the README has its headings."""
    for path in project.rglob("*"):
        assert path.suffix != ".template"
        if path.is_file():
            assert not {"$", "%%"}.intersection(path.read_text().split())
    readme = (project / "README.md").read_text().splitlines()
    assert [line[3:] for line in readme if line.startswith("## ")] == HEADINGS


def test_it_installs_and_is_found(environment: Environment) -> None:
    """From its wheel it installs beside core, registers, and describes its options."""
    environment.check()
    listed = environment.python("-m", "geowatch_core", "backends", "--names").split()
    assert listed == sorted([*CORE.backends, "my_queue"])
    described = environment.python("-m", "geowatch_core", "backends", "my_queue")
    assert "consumer" in described
    assert "host" in described


@pytest.mark.timeout(300)
def test_it_passes_strict_types(project: Path, environment: Environment, tmp_path: Path) -> None:
    """Its sources and its tests pass ``mypy --strict`` as they were made."""
    python = str(environment.folder / "bin/python")
    command = [sys.executable, "-m", "mypy", "--python-executable", python]
    command.append(f"--cache-dir={tmp_path}")
    done = subprocess.run(
        command, cwd=project, env=clean({}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(300)
def test_its_kit_fails_only_on_what_is_still_to_be_written(
    project: Path, environment: Environment, tmp_path: Path
) -> None:
    """What its author must write fails and says so; everything else passes."""
    report, copy = tmp_path / "report.xml", tmp_path / "copy"
    shutil.copytree(project, copy)
    run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    with pytest.raises(pytest.fail.Exception):
        environment.python(*run, cwd=copy)
    said: dict[str, list[str]] = {"failure": [], "error": [], "skipped": [], "passed": []}
    for case in ET.parse(report).iter("testcase"):
        ends = [end for end in case if end.tag in said]
        said[ends[0].tag if ends else "passed"].append(ends[0].text or "" if ends else "")
    assert said["error"] == []
    assert [text for text in said["failure"] if "Still to be written: " not in text] == []
    assert len(said["failure"]) > 50
    assert len(said["passed"]) >= 10


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("", "Write a lower-case letter"),
        ("Kafka", ": kafka."),
        ("my-queue", ": my_queue."),
        ("geowatch-rabbit", ": rabbit."),
        ("Geowatch_Rabbit", ": rabbit."),
        ("2fast", ": fast."),
        ("two__words", ": two_words."),
        ("trailing_", ": trailing."),
        ("naïve", "single underscores"),
        ("../evil", ": evil."),
        ("a b", ": a_b."),
        ("$name", ": name."),
        ("a\n", ": a."),
        ("a" * 25, f": {LONGEST}."),
        ("memory", "Choose another one"),
        ("file", "Choose another one"),
        ("core", "Choose another one"),
        ("testing", "Choose another one"),
    ],
)
def test_a_bad_name_is_refused_with_a_better_one(name: str, fix: str, tmp_path: Path) -> None:
    """What cannot be a name, or is somebody's, is refused before anything is made."""
    with pytest.raises(ConfigurationError) as caught:
        scaffold(name, tmp_path)
    assert fix in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    """A folder of that name is not written into, and a missing parent is not made."""
    there = tmp_path / "geowatch-x"
    there.mkdir()
    with pytest.raises(ConfigurationError, match="File exists"):
        scaffold("x", tmp_path)
    assert list(there.iterdir()) == []
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        scaffold("x", tmp_path / "missing")


def test_the_command_makes_it_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``new backend NAME`` takes roles and a folder; without them it is all roles, here."""
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(), argparse.ArgumentParser(add_help=False))
    given = parser.parse_args(["new", "backend", "x", "--into", str(tmp_path), "--role", "store"])
    assert given.act(given) == 0
    made = tmp_path / "geowatch-x"
    assert f"cd {made}\n" in capsys.readouterr().out
    assert (made / "src/geowatch_x/store.py").exists()
    assert not (made / "src/geowatch_x/consumer.py").exists()
    assert parser.parse_args(["new", "backend", "x"]).into == Path()
