"""What the command's exit codes mean."""

from __future__ import annotations

import enum

from geowatch_core.errors import ConfigurationError, ServiceError

__all__ = ["TEXT", "Exit", "code_of"]


class Exit(enum.IntEnum):
    """How the command ended. On a second signal it is 128 and the signal's number."""

    DONE = 0
    STOPPED = 1
    MISTAKE = 2
    NOT_OPENED = 3
    INTERRUPTED = 130


TEXT = """\
exit codes:
  0    done: the sources ended, a first SIGINT or SIGTERM was obeyed, nothing is wrong
  1    the flow stopped rather than lose a message, or something unexpected failed
  2    a mistake in the usage or in the configuration; nothing was opened
  3    a channel did not open: its service did not answer, or refused
  130  left at once: a second SIGINT, or one before anything ran; all unacked comes again
  143  left at once: a second SIGTERM, or one before anything ran; all unacked comes again
"""


def code_of(error: Exception) -> Exit:
    """How the command ends with an error."""
    match error:
        case ConfigurationError():
            return Exit.MISTAKE
        case ServiceError():
            return Exit.NOT_OPENED
        case _:
            return Exit.STOPPED
