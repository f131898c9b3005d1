"""A client has threads of its own, which a forked process lacks."""

from __future__ import annotations

import os

from geowatch_core import PermanentError

__all__ = ["same_process"]


def same_process(name: str, opened: int) -> None:
    """Refuse to go on in a process that was forked from the one that opened the client.

    Raises:
        PermanentError: this is another process.
    """
    here = os.getpid()
    if here != opened:
        raise PermanentError(
            f"{name} was opened in process {opened} and cannot be used in another",
            got=here,
            fix="Open it in the process that uses it, after the fork.",
        )
