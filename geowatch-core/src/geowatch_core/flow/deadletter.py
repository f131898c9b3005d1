"""The envelope in which a message that cannot be delivered is kept."""

from __future__ import annotations

import base64
import time

import attrs
import msgspec

from geowatch_core.message import Message

__all__ = ["Failure", "envelope"]


@attrs.frozen
class Failure:
    """Why a message cannot go on: the error, after how many attempts, in which stage or where."""

    message: Message
    error: Exception
    attempts: int
    where: str


def envelope(failure: Failure) -> Message:
    """A message that holds everything needed to repair and replay the failed one, as JSON.

    The original bytes are in ``data`` as text, or in ``data_base64`` where they are not UTF-8. It
    carries no configuration, so no secret.
    """
    message = failure.message
    letter = {
        "error": type(failure.error).__name__,
        "reason": str(failure.error),
        "where": failure.where,
        "attempts": failure.attempts,
        "source": message.origin.name if message.origin else None,
        "position": _plain(message.position),
        "failed_at": time.time(),
        "time": message.time,
        "headers": [[name, value.decode("latin-1")] for name, value in message.headers],
        **_bytes("key", message.key),
        **_bytes("data", message.data),
    }
    return Message(msgspec.json.encode(letter), message.key, message.headers, message.time)


def _bytes(name: str, data: bytes | None) -> dict[str, str | None]:
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def _plain(position: object) -> object:
    return position if isinstance(position, int | str) else str(position)
