"""The distributions of this repository, as their pyproject.toml describe them."""

from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import attrs
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tools.check_dist import MORE_PACKAGES

ROOT = Path(__file__).parents[2]


@attrs.frozen
class Project:
    """One distribution."""

    folder: Path

    def __str__(self) -> str:
        return self.name

    @property
    def table(self) -> dict[str, Any]:
        """Its ``[project]``."""
        text = (self.folder / "pyproject.toml").read_text()
        table: dict[str, Any] = tomllib.loads(text)["project"]
        return table

    @property
    def name(self) -> str:
        """The distribution's."""
        return self.folder.name

    @property
    def package(self) -> str:
        """What is imported."""
        return self.name.replace("-", "_")

    @property
    def packages(self) -> list[str]:
        """All that is imported of it."""
        return [self.package, *MORE_PACKAGES.get(self.name, ())]

    @property
    def extras(self) -> dict[str, list[str]]:
        """What each of its extras asks for."""
        extras: dict[str, list[str]] = self.table.get("optional-dependencies", {})
        return extras

    @property
    def requirements(self) -> list[Requirement]:
        """What it asks for, with any of its extras."""
        texts = [*self.table.get("dependencies", ()), *chain.from_iterable(self.extras.values())]
        return [Requirement(text) for text in texts]

    @property
    def backends(self) -> list[str]:
        """The backends that it registers."""
        return sorted(self.table.get("entry-points", {}).get("geowatch.backends", {}))

    @property
    def tests(self) -> Path:
        """Where its own tests are."""
        own = self.folder / "tests"
        return own if own.exists() else ROOT / "tests" / self.name.removeprefix("geowatch-")


MEMBERS = [Project(path.parent) for path in sorted(ROOT.glob("geowatch-*/pyproject.toml"))]
CORE = next(member for member in MEMBERS if member.name == "geowatch-core")
EXAMPLES = [
    Project(path.parent) for path in sorted(ROOT.glob("examples/third_party/*/pyproject.toml"))
]
PROJECTS = [*MEMBERS, *EXAMPLES]
SIBLINGS = [project for project in PROJECTS if project != CORE]


def lowest(specifiers: SpecifierSet) -> Version | None:
    """The lowest version that a range claims, or None if it has no lower end."""
    bounds = [Version(s.version) for s in specifiers if s.operator in (">=", "~=", "==")]
    return max(bounds, default=None)


def bounded(requirement: Requirement) -> bool:
    """Whether a requirement has both a lower and an upper end."""
    upper = any(s.operator in ("<", "<=", "~=", "==") for s in requirement.specifier)
    return upper and lowest(requirement.specifier) is not None
