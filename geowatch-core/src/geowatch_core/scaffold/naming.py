"""The names that follow from the name of a backend, and those that it cannot have."""

from __future__ import annotations

import re

import attrs
from importlib_metadata import metadata, version

from geowatch_core.errors import ConfigurationError
from geowatch_core.registry import BACKENDS, REGISTRY

__all__ = ["Naming", "core_range"]

_CORE = "geowatch-core"
_PREFIX = re.compile(r"geowatch[-_]", re.IGNORECASE)
_LONGEST = 24
"""Characters: a longer name makes lines of the scaffold too long for its own lint."""

_GOOD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@attrs.frozen
class Naming:
    """One rule of names: distribution, import, entry point and class prefix are one word."""

    name: str

    @classmethod
    def of(cls, name: str) -> Naming:
        """The names of a new backend.

        Raises:
            ConfigurationError: it is not a good name, or somebody has it.
        """
        if not _GOOD.fullmatch(name) or len(name) > _LONGEST:
            raise ConfigurationError(
                "A backend cannot have this name", got=name, fix=_suggestion(name)
            )
        owner = _owner(name)
        if owner:
            raise ConfigurationError(
                f"This name belongs to {owner}",
                got=name,
                fix="Choose another one: two distributions that claim one name are an error.",
            )
        return cls(name)

    @property
    def distribution(self) -> str:
        """What is installed, and the folder that it is made in: ``geowatch-my-queue``."""
        return f"geowatch-{self.name.replace('_', '-')}"

    @property
    def package(self) -> str:
        """What is imported: ``geowatch_my_queue``."""
        return f"geowatch_{self.name}"

    @property
    def prefix(self) -> str:
        """How its classes begin: ``MyQueue``."""
        return "".join(part.capitalize() for part in self.name.split("_"))


def core_range() -> str:
    """The versions of core that a backend written today may ask for."""
    major, minor = map(int, version(_CORE).split(".")[:2])
    # Before 1.0 a minor version may change the interfaces; after it only a major one.
    end = f"{major + 1}" if major else f"0.{minor + 1}"
    return f"{_CORE}>={major}.{minor},<{end}"


def _owner(name: str) -> str:
    """Who has the name; empty if it is free."""
    if name in REGISTRY.backend_names():
        return REGISTRY.distribution(BACKENDS, name)
    # An extra of core installs a distribution of its project, which has that name.
    own = {"core", *(metadata(_CORE).get_all("Provides-Extra") or ())}
    return "the GeoWatch project" if name in own else ""


def _suggestion(name: str) -> str:
    rule = (
        "Write a lower-case letter, then lower-case letters, digits and single underscores, "
        f"{_LONGEST} characters in all at the most"
    )
    word = re.sub(r"[^a-z0-9]+", "_", _PREFIX.sub("", name).lower()).lstrip("_0123456789")
    word = word[:_LONGEST].rstrip("_")
    return f"{rule}: {word}." if word else f"{rule}."
