"""A backend of a third party comes and goes, and core never hears of it before it is named."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.packaging.environment import Environment, Shelf
from tests.packaging.workspace import CORE, EXAMPLES

(SQLITE,) = (project for project in EXAMPLES if project.name == "geowatch-sqlite")
USE = """
from geowatch_core import Message, provision
with provision("sqlite", "producer", path="queue.db", topic="quakes", codec="json") as queue:
    outcomes = queue.deliver([Message.of({"mag": 4.6})])
with provision("sqlite", "consumer", path="queue.db", topic="quakes", codec="json") as queue:
    (message,) = queue.consume()
    queue.ack([message])
with provision("sqlite", "store", path="queue.db", key="latest", codec="json") as store:
    store.write([message])
    print(outcomes, store.read()[0].value)
"""
ENTRY_POINTS = """
import json, sys
from importlib.metadata import distribution
json.dump(sorted(map(str, distribution("geowatch-core").entry_points)), sys.stdout)
"""
IMPORTED = """
import sys, geowatch_core
from geowatch_core.registry import REGISTRY
REGISTRY.backend_names(), REGISTRY.backend("memory")
print(any(name.startswith("geowatch_sqlite") for name in sys.modules))
"""


def core_of(environment: Environment) -> dict[str, str]:
    """A hash of each file that core installed, and its entry points."""
    packages = environment.packages
    folders = [packages / CORE.package, *packages.glob(f"{CORE.package}-*.dist-info")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files.append(environment.folder / "bin/geowatch-core")
    hashes = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if "__pycache__" not in path.parts
    }
    return {**hashes, "entry points": environment.python("-c", ENTRY_POINTS)}


def backends(environment: Environment) -> list[str]:
    """What the command lists."""
    return environment.python("-m", "geowatch_core", "backends", "--names").split()


def test_a_backend_comes_and_goes_and_core_is_untouched(shelf: Shelf, tmp_path: Path) -> None:
    """Installed, it is found by its name and nothing else; uninstalled, nothing of it is left."""
    environment = Environment.make(tmp_path / "venv", shelf, CORE.name)
    before = core_of(environment)
    assert backends(environment) == CORE.backends
    environment.install(SQLITE.name)
    assert backends(environment) == sorted([*CORE.backends, "sqlite"])
    assert environment.python("-c", IMPORTED) == "False\n"
    assert environment.python("-c", USE, cwd=tmp_path) == "[CONFIRMED] {'mag': 4.6}\n"
    assert core_of(environment) == before
    environment.uninstall(SQLITE.name)
    assert backends(environment) == CORE.backends
    assert not (environment.packages / SQLITE.package).exists()
    assert core_of(environment) == before


def test_its_name_is_unknown_before_it_is_installed(shelf: Shelf, tmp_path: Path) -> None:
    """The error says what to install, by the custom of names."""
    environment = Environment.make(tmp_path / "venv", shelf, CORE.name)
    with pytest.raises(pytest.fail.Exception, match="pip install geowatch-sqlite"):
        environment.python("-c", USE, cwd=tmp_path)


@pytest.mark.timeout(300)
def test_its_own_tests_and_the_kit_pass_beside_an_untouched_core(
    shelf: Shelf, tmp_path: Path
) -> None:
    """From its wheel it passes the conformance kit, and loses no message to a kill -9."""
    environment = Environment.make(tmp_path / "venv", shelf, f"{SQLITE.name}[testing]")
    before = core_of(environment)
    copy = tmp_path / "sdist"
    shutil.copytree(SQLITE.folder, copy, ignore=shutil.ignore_patterns("src", "__pycache__"))
    said = environment.python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=copy)
    proven = [line for line in said.splitlines() if " proven, " in line]
    assert [line.split()[:2] for line in proven] == [
        ["backend", "sqlite"],
        ["consumer", "sqlite"],
        ["producer", "sqlite"],
        ["store", "sqlite"],
    ]
    assert all(" 0 failed" in line for line in proven)
    assert core_of(environment) == before
