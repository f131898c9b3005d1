"""Says once of each name of 2015 what it is called today."""

from __future__ import annotations

import sys
import warnings

__all__ = ["deprecated", "forget"]

_told: set[str] = set()


def deprecated(old: str, new: str) -> None:
    """Warn the caller's caller, the first time that this name is used in this process.

    What this package uses of itself is not told: nobody wrote it.

    Args:
        old: the name of 2015, without the package.
        new: what to write today.
    """
    user = sys._getframe(2).f_globals.get("__name__", "")
    if old not in _told and user.partition(".")[0] != "geowatchutil":
        _told.add(old)
        text = f"geowatchutil.{old} is a name of 2015; write {new}"
        warnings.warn(text, DeprecationWarning, stacklevel=3)


def forget() -> None:
    """Warn again of each name, for tests."""
    _told.clear()
