"""A place inside a decoded value, such as ``properties.mag``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from geowatch_core.errors import ConfigurationError

__all__ = ["MISSING", "Path"]

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")  # RFC 6901, section 4; no list is longer
_LONE_TILDE: Final = re.compile(r"~(?![01])")


class _Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""What a path finds where there is nothing. Unlike JSON's null, which is None."""


class Path(msgspec.Struct, frozen=True):
    """A place inside a decoded value: names of members and indexes of lists, from the outside in.

    Written with dots (``properties.mag``, ``geometry.coordinates.0``), or as a JSON Pointer
    (RFC 6901: ``/properties/a.b``) where a name has a dot in it. The empty text is the whole value.
    """

    steps: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """Read a path.

        Raises:
            ConfigurationError: a dotted path with an empty step, or no JSON Pointer.
        """
        if text.startswith("/"):
            if _LONE_TILDE.search(text):
                raise ConfigurationError(
                    "A JSON Pointer has a ~ that escapes nothing",
                    got=text,
                    fix="Write ~0 for ~ and ~1 for /.",
                )
            steps = text[1:].split("/")
            return cls(tuple(step.replace("~1", "/").replace("~0", "~") for step in steps))
        steps = text.split(".") if text else []
        if "" in steps:
            raise ConfigurationError(
                "A path has an empty step", got=text, fix="Write it like properties.mag."
            )
        return cls(tuple(steps))

    def find(self, value: Any) -> Any:
        """What is at this place in `value`, or `MISSING`."""
        for step in self.steps:
            if isinstance(value, Mapping):
                value = value.get(step, MISSING)
            elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
                value = _item(value, step)
            else:
                return MISSING
            if value is MISSING:
                return MISSING
        return value

    def __str__(self) -> str:
        if any(not step or "." in step or "/" in step for step in self.steps):
            return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in self.steps)
        return ".".join(self.steps)

    def __repr__(self) -> str:
        return f"Path.parse({str(self)!r})"


def _item(values: Sequence[Any], step: str) -> Any:
    if not _INDEX.fullmatch(step):
        return MISSING
    index = int(step)
    return values[index] if index < len(values) else MISSING
