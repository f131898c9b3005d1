"""Lets an interrupt end the command quietly while Python is still importing it.

Half of the time until something runs goes by in imports, of which this is the first. Only in the
process of the command itself: a library leaves signals alone.
"""

from __future__ import annotations

import signal
import sys

__all__ = ["hand_over"]

_INTERRUPTED = 130
"""What `geowatch_core.cli` promises for an interrupt before anything ran."""


def _leave(number: int, frame: object) -> None:
    import os

    os._exit(_INTERRUPTED)


def hand_over() -> None:
    """From here on an interrupt is raised as usual, for the command to see to."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_the_command() -> bool:
    name = sys.argv[0] if getattr(sys, "argv", None) else ""
    return name.rpartition("/")[2] == "geowatch-core"


# Where it is ignored, as under nohup, it stays ignored.
if _is_the_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave)
