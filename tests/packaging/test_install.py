"""Every distribution installs from its wheel, alone, with each extra, and with the oldest core."""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.packaging.environment import Environment, Shelf, clean, core_wheel, run
from tests.packaging.repack import needed
from tests.packaging.workspace import CORE, MEMBERS, PROJECTS, SIBLINGS, Project, lowest

IMPORT_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
failed = {}
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    try:
        module.name.endswith("__main__") or importlib.import_module(module.name)
    except ImportError as error:
        failed[module.name] = error.name
json.dump(failed, sys.stdout)
"""
LOAD = """
import sys
from geowatch_core.registry import REGISTRY
for name in sys.argv[1:]:
    for spec in REGISTRY.backend(name).roles.values():
        spec.load()
"""
BEHIND_EXTRAS = {
    "geowatch_core.testing": {"hypothesis", "pytest"},
    "geowatch_core.cli": {"rich"},
    "geowatch_core.contrib.django": {"django"},
}
"""Parts of a package that need an extra, and the modules that it brings."""
ASK = """
import sys
from geowatch_core import UnknownNameError, provision
for name in sys.argv[1:]:
    try:
        provision(name, "producer")
    except UnknownNameError as error:
        print(error)
"""
NEEDS = {"django-outbox": "django"}
"""Backends of core that load only with what an extra brings."""


@pytest.mark.parametrize("project", PROJECTS, ids=str)
def test_a_distribution_installs_alone(project: Project, shelf: Shelf, tmp_path: Path) -> None:
    """With nothing but what it asks for, every module imports that is not behind an extra."""
    alone = Environment.make(tmp_path / "venv", shelf, project.name)
    runtime = [Requirement(text) for text in project.table["dependencies"]]
    own = {sibling.name for sibling in PROJECTS}
    wanted = {*needed(map(str, runtime), own), project.name}
    assert set(alone.installed()) - {r.name for r in runtime if r.name in own} >= wanted
    if project == CORE:
        assert set(alone.installed()) == wanted
    failed: dict[str, str] = json.loads(alone.python("-c", IMPORT_ALL, project.package))
    for module, missing in failed.items():
        behind = [names for part, names in BEHIND_EXTRAS.items() if module.startswith(part)]
        assert behind, f"{module} needs {missing}, which {project} does not ask for"
        assert missing in behind[0], module


def test_core_alone_has_its_command(shelf: Shelf, tmp_path: Path) -> None:
    """Without any extra the command says its version and what is installed."""
    alone = Environment.make(tmp_path / "venv", shelf, CORE.name)
    assert alone.python("-m", "geowatch_core", "--version") == f"{CORE.name} {_version(CORE)}\n"
    assert alone.python("-m", "geowatch_core", "backends", "--names").split() == CORE.backends
    assert alone.python(str(alone.folder / "bin/geowatch-core"), "codecs", "--names").split() == [
        *sorted(CORE.table["entry-points"]["geowatch.codecs"])
    ]


def test_a_missing_backend_of_ours_says_which_extra_brings_it(shelf: Shelf, tmp_path: Path) -> None:
    """With core alone, the error about a backend's name ends with the command that installs it."""
    alone = Environment.make(tmp_path / "venv", shelf, CORE.name)
    names = [name for member in MEMBERS if member != CORE for name in member.backends]
    said = alone.python("-c", ASK, *names).splitlines()
    assert [line.rpartition(": ")[2] for line in said] == [
        f'pip install "geowatch-core[{name}]"' for name in names
    ]


def test_what_is_installed_is_what_was_tested(shelf: Shelf, tmp_path: Path) -> None:
    """Dependencies come in the versions that this environment has, from the shelf and no index."""
    alone = Environment.make(tmp_path / "venv", shelf, CORE.name)
    others = {name: version for name, version in alone.installed().items() if name != CORE.name}
    assert others == {name: distribution(name).version for name in others}


@pytest.mark.parametrize(
    ("project", "extra"),
    [
        pytest.param(m, extra, id=f"{m}[{extra}]")
        for m in MEMBERS
        for extra in m.extras
        if m.extras[extra] != ["geowatch-core[aws]"]  # the same again
    ],
)
def test_an_extra_installs_what_it_names(
    project: Project, extra: str, shelf: Shelf, tmp_path: Path
) -> None:
    """Whatever an extra asks for is there afterwards, siblings included, and all of it fits."""
    environment = Environment.make(tmp_path / "venv", shelf, f"{project.name}[{extra}]")
    environment.check()
    wanted = {canonicalize_name(Requirement(text).name) for text in project.extras[extra]}
    own = {member.name for member in MEMBERS}
    assert set(environment.installed()) >= wanted | needed(project.extras[extra], own) - own
    there = environment.installed()
    registered = chain.from_iterable(m.backends for m in MEMBERS if m.name in there)
    environment.python("-c", LOAD, *(b for b in registered if NEEDS.get(b, CORE.name) in there))


@pytest.mark.parametrize("project", SIBLINGS, ids=str)
def test_a_backend_works_with_the_oldest_core_that_it_claims(
    project: Project, shelf: Shelf, tmp_path: Path
) -> None:
    """With the lower end of its range of core its backends load; its tests pass if that is old."""
    (core,) = (r for r in project.requirements if r.name == CORE.name and r.specifier)
    oldest = lowest(core.specifier)
    assert oldest is not None
    first = core_wheel(oldest, shelf, tmp_path)
    environment = Environment.make(tmp_path / "venv", shelf)
    more = [f"{CORE.name}=={oldest}", "pytest-timeout", "pytest-randomly"]
    environment.install(f"{project.name}[{_tested(project)}]", *more, first=first)
    assert Version(environment.installed()[CORE.name]) == oldest
    environment.python("-c", LOAD, *project.backends)
    if oldest != Version(_version(CORE)):  # with the present one they are tested elsewhere
        environment.python("-m", "pytest", "-q", str(project.tests), cwd=project.tests.parent)


def test_an_old_core_is_built_from_its_tag(shelf: Shelf, tmp_path: Path) -> None:
    """A version that is not the present one comes from the commit that has its tag."""
    clone = tmp_path / "clone"
    shutil.copytree(CORE.folder, clone / CORE.name, ignore=shutil.ignore_patterns("__pycache__"))
    path = clone / CORE.name / "pyproject.toml"
    path.write_text(path.read_text().replace(f'"{_version(CORE)}"', '"0.0.7"', 1))
    for command in ("init", "add --all", "commit -m Old", "tag v0.0.7"):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        git = ["git", "-C", str(clone), *identity, *command.split()]
        run(git, clean({"GIT_CONFIG_GLOBAL": os.devnull}))
    first = core_wheel(Version("0.0.7"), shelf, tmp_path, clone)
    environment = Environment.make(tmp_path / "venv", shelf)
    environment.install("geowatch-core==0.0.7", first=first)
    assert environment.installed()[CORE.name] == "0.0.7"
    with pytest.raises(pytest.fail.Exception, match="fetch the tags"):
        core_wheel(Version("0.0.6"), shelf, tmp_path, clone)


def _version(project: Project) -> str:
    return str(project.table["version"])


def _tested(project: Project) -> str:
    return "testing" if "testing" in project.extras else ""
