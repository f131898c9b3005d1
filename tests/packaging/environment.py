"""Fresh environments, which know no index: only what was built, and what is installed here."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from packaging.version import Version
from uv import find_uv_bin

from tests.packaging.repack import needed, repack
from tests.packaging.workspace import CORE, PROJECTS, ROOT

_TOOLS = ("pip", "pytest-randomly", "pytest-timeout", "uv-build")
_FOREIGN = ("PYTHON", "VIRTUAL_ENV", "UV_", "PIP_", "COV_", "PYTEST")
_LONGEST = 300


@attrs.frozen
class Shelf:
    """Folders of wheels to install from.

    Attributes:
        built: sdists and wheels of the distributions of this repository.
        house: wheels of all that they need.
        cache: where uv keeps what it unpacked.
    """

    built: Path
    house: Path
    cache: Path

    @classmethod
    @functools.cache
    def inside(cls, folder: Path) -> Shelf:
        """A filled one in the temporary folder of a session, which has one."""
        shelf = cls(*(folder / f"shelf-{name}" for name in ("built", "house", "cache")))
        shelf.house.mkdir()
        for project in PROJECTS:
            shelf.build(project.folder)
        own = {project.name for project in PROJECTS}
        wanted = [str(requirement) for p in PROJECTS for requirement in p.requirements]
        for name in needed([*wanted, *_TOOLS], own):
            repack(name, shelf.house)
        return shelf

    def build(self, folder: Path, into: Path | None = None) -> None:
        """Make an sdist of a project, and of that a wheel."""
        arguments = ["--no-build-isolation", "--python", sys.executable]
        self.uv("build", "--quiet", *arguments, "--out-dir", str(into or self.built), str(folder))

    def wheel(self, name: str) -> Path:
        """The wheel of a distribution of this repository."""
        (path,) = self.built.glob(f"{name.replace('-', '_')}-*.whl")
        return path

    def uv(self, *arguments: str) -> str:
        """What uv says."""
        more = {"UV_CACHE_DIR": str(self.cache), "UV_OFFLINE": "1", "UV_NO_CONFIG": "1"}
        return run([find_uv_bin(), *arguments], clean(more))


@attrs.frozen
class Environment:
    """A virtual environment of its own."""

    folder: Path
    shelf: Shelf

    @classmethod
    def make(cls, folder: Path, shelf: Shelf, *requirements: str) -> Environment:
        """A new one, with these installed."""
        shelf.uv("venv", "--quiet", "--python", sys.executable, str(folder))
        made = cls(folder, shelf)
        if requirements:
            made.install(*requirements)
        return made

    def install(self, *requirements: str, first: Path | None = None) -> None:
        """Install from the shelf; what lies in `first` goes before what lies there."""
        folders = [folder for folder in (first, self.shelf.built, self.shelf.house) if folder]
        links = [f"--find-links={folder}" for folder in folders]
        self._pip("install", "--quiet", "--no-index", *links, *requirements)

    def uninstall(self, name: str) -> None:
        """Remove a distribution."""
        self._pip("uninstall", "--quiet", name)

    def check(self) -> None:
        """Fail if what is installed does not fit together."""
        self._pip("check", "--quiet")

    def installed(self) -> dict[str, str]:
        """The version of each distribution."""
        lines = self._pip("freeze").splitlines()
        pairs = [line.partition(" @ ") if " @ " in line else line.partition("==") for line in lines]
        return {name: version for name, _, version in pairs}

    def python(self, *arguments: str, cwd: Path | None = None) -> str:
        """What Python says."""
        return run([str(self.folder / "bin/python"), *arguments], self.variables(), cwd)

    def variables(self) -> dict[str, str]:
        """Those of a shell in which the environment is active."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return clean({"VIRTUAL_ENV": str(self.folder), "PATH": path})

    @property
    def packages(self) -> Path:
        """Where distributions are installed."""
        (path,) = self.folder.glob("lib/python*/site-packages")
        return path

    def _pip(self, command: str, *arguments: str) -> str:
        python = str(self.folder / "bin/python")
        return self.shelf.uv("pip", command, "--python", python, *arguments)


def clean(more: Mapping[str, str]) -> dict[str, str]:
    """The variables of this process without those that steer Python or an installer, and `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, **more}


def run(command: list[str], variables: Mapping[str, str], cwd: Path | None = None) -> str:
    """What a command says; with its complaints, the failure of a test if it fails."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=variables,
        cwd=cwd,
        timeout=_LONGEST,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout


def core_wheel(version: Version, shelf: Shelf, folder: Path, root: Path = ROOT) -> Path:
    """A folder with the wheel of a version of core: of this one, or of one that has a tag."""
    if version == Version(CORE.table["version"]):
        return shelf.built
    tag = f"v{version.major}.{version.minor}.{version.micro}"
    archive = folder / "core.tar"
    git = ["git", "-C", str(root), "archive", f"--output={archive}", tag]
    if subprocess.run(git, capture_output=True, check=False).returncode:
        pytest.fail(f"There is no tag {tag}: fetch the tags, or claim a later version of core.")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    shelf.build(folder / "source/geowatch-core", folder / "built")
    return folder / "built"
