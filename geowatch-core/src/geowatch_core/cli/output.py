"""Prints results to standard output, and complaints to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

from geowatch_core.errors import GeoWatchError, OptionsError

__all__ = ["arrow", "complain", "flush", "note", "prepare", "printable", "say", "table", "tell"]


def prepare() -> None:
    """Have the streams print something for every character, whatever their encoding."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """`text` without control characters: a name must neither colour a terminal nor end a line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def arrow() -> str:
    """What leads from a source to its destinations, in what the encoding has."""
    stream = sys.__stdout__  # sys.stdout may be a live display, which tells no encoding
    try:
        "→".encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return "->"
    return "→"


def say(text: str = "") -> None:
    """A line of the result. Nobody reading any more is no reason to fail."""
    try:
        print("\n".join(map(printable, text.split("\n"))), flush=True)
    except BrokenPipeError:
        _abandon(sys.stdout)


def tell(text: str = "") -> None:
    """A line beside the work. That it cannot be written is no reason to stop working."""
    try:
        say(text)
    except OSError as error:
        note(f"geowatch-core: Standard output cannot be written: {error}. Going on without it.")
        _abandon(sys.stdout)


def note(text: str) -> None:
    """A line on standard error."""
    with contextlib.suppress(OSError):
        print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)


def complain(error: BaseException, *, debug: bool = False) -> None:
    """One paragraph on standard error; with `debug`, the traceback before it."""
    if debug:
        note("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, OptionsError):
        count = f"{len(error.mistakes)} mistake{'s' * (len(error.mistakes) != 1)}"
        lines = [f"{error.what}: {count}.", *map(str, error.mistakes)]
        note("geowatch-core: " + "\n  ".join(lines))
    elif isinstance(error, GeoWatchError):
        note(f"geowatch-core: {error}")
    else:
        hint = "" if debug else " Run it again with --debug to see where."
        note(f"geowatch-core: Unexpected {type(error).__name__}: {error}.{hint}")


def flush() -> None:
    """Write what is still to be written.

    Raises:
        OSError: it cannot be written; for a pipe that nobody reads, nothing is raised.
    """
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _abandon(sys.stdout)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines of columns, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _abandon(stream: TextIO) -> None:
    """Have the rest go nowhere, so that Python does not complain at its end either."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), stream.fileno())
