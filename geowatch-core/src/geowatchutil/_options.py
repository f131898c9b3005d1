"""From the arguments of 2015 to the options of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["codec", "options"]

_CODEC: Final = "geowatchcodec"
_RENAMED: Final = {"authtoken": "token"}


def codec(given: Any) -> Any:
    """A codec's name of today; what is no name of 2015 as it is."""
    named = isinstance(given, str) and given.lower().startswith(_CODEC)
    return given.lower().removeprefix(_CODEC) if named else given


def options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of today. None meant in 2015 that an argument was not given."""
    return {
        _RENAMED.get(name, name): codec(value) if name == "codec" else value
        for name, value in given.items()
        if value is not None
    }
