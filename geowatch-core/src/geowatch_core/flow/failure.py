"""Why one message cannot go on."""

from __future__ import annotations

import msgspec

from geowatch_core.errors import DecodeError, FilterError, TransformError
from geowatch_core.message import Message

__all__ = ["Failure", "raised"]


class Failure(msgspec.Struct, frozen=True):
    """Why a message cannot go on: the error, after how many attempts, in which stage or where.

    Attributes:
        sent: the bytes that the destination refused, where it came so far.
    """

    message: Message
    error: Exception
    attempts: int
    where: str
    sent: bytes | None = None


def raised(
    stage: str, kind: type[FilterError | TransformError], message: Message, error: Exception
) -> Failure:
    """What a function of the user raised about one message: a failure of that message only."""
    if isinstance(error, DecodeError):
        return Failure(message, error, 1, "decode")
    failed = kind(
        f"A {stage} function raised {type(error).__name__}",
        got=error,
        fix="Mend it, or have a dead letter take such messages.",
    )
    failed.__cause__ = error
    return Failure(message, failed, 1, stage)
