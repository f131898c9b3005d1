"""What became of one message that was handed to a destination."""

import enum
from typing import Final, Literal

from geowatch_core.errors import CodecError, PermanentError, RetryableError

__all__ = ["CONFIRMED", "Confirmed", "Outcome"]


class Confirmed(enum.Enum):
    """The type of `CONFIRMED`."""

    CONFIRMED = "confirmed"

    def __repr__(self) -> str:
        return "CONFIRMED"


CONFIRMED: Final = Confirmed.CONFIRMED
"""The destination has the message and will keep it as its capabilities say."""

Outcome = Literal[Confirmed.CONFIRMED] | RetryableError | PermanentError | CodecError
"""`CONFIRMED`, or the error that says why not and whether to try again.

A `CodecError` is a message that the destination's codec refused; it is as permanent as a
`PermanentError`.
"""
