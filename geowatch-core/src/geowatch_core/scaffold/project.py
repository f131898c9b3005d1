"""Writes the files of a new backend's distribution."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from geowatch_core.backend import ROLES, RoleName
from geowatch_core.errors import ConfigurationError
from geowatch_core.scaffold.naming import Naming, core_range

__all__ = ["scaffold"]

_ENDING = ".template"
_MARK = "%%"


def scaffold(name: str, folder: Path, roles: Collection[RoleName] = ROLES) -> Path:
    """Begin a distribution of a backend: all of it but what only its author can know.

    As it is made it installs and registers, and passes lint and types. Its conformance kit fails on
    what is still to be written, and says what.

    Args:
        name: of the backend, as it is given to ``provision``.
        folder: where ``geowatch-NAME`` is made.
        roles: which ones it plays.

    Returns:
        The new folder.

    Raises:
        ConfigurationError: the name is not good or not free, or the folder cannot be made.
    """
    naming = Naming.of(name)
    texts = _texts(naming, set(roles))
    made = folder / naming.distribution
    try:
        made.mkdir()
        for path, text in texts.items():
            target = made / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{made} could not be made: {error.strerror}",
            fix="Name a folder that you may write to and in which there is nothing of that name.",
        ) from error
    return made


def _texts(naming: Naming, roles: set[RoleName]) -> dict[str, str]:
    """The text of each file, by its path in the new folder."""
    words = {
        "name": naming.name,
        "distribution": naming.distribution,
        "package": naming.package,
        "prefix": naming.prefix,
        "core": core_range(),
    }
    absent = {f"src/{role}.py" for role in ROLES if role not in roles}
    return {
        path.replace("src/", f"src/{naming.package}/"): Template(
            _of_roles(source.read_text(encoding="utf-8"), roles)
        ).substitute(words)
        for path, source in _templates(files("geowatch_core.scaffold") / "template")
        if path not in absent
    }


def _templates(folder: Traversable, within: str = "") -> list[tuple[str, Traversable]]:
    """Each template with the path that it is for."""
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _templates(entry, f"{within}{entry.name}/")
        elif entry.name.endswith(_ENDING):
            found.append((within + entry.name.removesuffix(_ENDING), entry))
    return found


def _of_roles(text: str, roles: set[RoleName]) -> str:
    """What of a template is for these roles.

    A line ``%% consumer producer`` begins lines for whoever plays one of those, and ``%%`` lines
    for all.
    """
    kept, lines = True, []
    for line in text.splitlines(keepends=True):
        if line.startswith(_MARK):
            wanted = line.removeprefix(_MARK).split()
            kept = not wanted or not roles.isdisjoint(wanted)
        elif kept:
            lines.append(line)
    return "".join(lines)
