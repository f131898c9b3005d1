"""Reads the plain values of a configuration, and says where they are written wrongly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geowatch_core.errors import Mistake, OptionsError

__all__ = ["Config", "called", "load"]

Config = Mapping[str, Any] | str | os.PathLike[str]
"""A configuration, or the path of a .toml or .json file that holds one."""


def called(config: Config) -> str:
    """What errors call a configuration: its file, if it is one."""
    return "This configuration" if isinstance(config, Mapping) else os.fspath(config)


def load(config: Config) -> Mapping[str, Any]:
    """The plain values of a configuration.

    Raises:
        OptionsError: there is no such file, or it is not what its suffix says; with the place.
    """
    if isinstance(config, Mapping):
        return config
    path = Path(config)
    if path.is_dir():
        raise _unreadable(path, str(path), "is a folder", "Name a .toml or .json file.")
    parse = {".toml": _toml, ".json": _json}.get(path.suffix.lower())
    if parse is None:
        fix = "Its name must end in .toml or .json."
        raise _unreadable(path, str(path), "is in no format that can be told from its name", fix)
    text = _text(path)
    try:
        values = parse(path, text)
    except OptionsError:
        raise
    except RecursionError:
        fix = "A configuration needs a handful of levels."
        raise _unreadable(path, str(path), "is nested too deeply", fix) from None
    except ValueError as error:  # what Python itself will not read, such as 5,000 digits
        raise _unreadable(path, str(path), str(error), "Write another value.") from error
    if not isinstance(values, Mapping):
        fix = 'Write it like {"brokers": [...]}.'
        raise _unreadable(path, str(path), "is not an object at its top level", fix)
    return values


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # some editors begin a file with a BOM
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        place = f"{path}, line {line}"
        raise _unreadable(path, place, "is not UTF-8", "Save the file as UTF-8.") from error
    except ValueError as error:  # a NUL in the path
        raise _unreadable(path, ascii(str(path)), str(error), "Name a file.") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _unreadable(path, str(path), reason, "Name a file that can be read.") from error


def _toml(path: Path, text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).removesuffix(")").rpartition(" (at ")
        found = re.fullmatch(r"line (\d+), column (\d+)", where)
        line, column = map(int, found.groups()) if found else _end(text)
        raise _syntax(path, line, column, what, "TOML") from error


def _json(path: Path, text: str) -> Any:
    # Not msgspec: its errors count bytes, and tell nothing of where a text was cut off.
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _syntax(
            path, error.lineno, error.colno, error.msg.removesuffix(" at"), "JSON"
        ) from error


def _end(text: str) -> tuple[int, int]:
    lines = text.split("\n")
    return len(lines), len(lines[-1]) + 1


def _syntax(path: Path, line: int, column: int, what: str, language: str) -> OptionsError:
    fix = f"Up to there, this is {language}; mend what stands at that place or just before it."
    return _unreadable(path, f"{path}, line {line}, column {column}", what, fix)


def _unreadable(path: Path, place: str, what: str, fix: str) -> OptionsError:
    return OptionsError(f"{path} cannot be read", [Mistake(place, what.rstrip("."), fix)])
