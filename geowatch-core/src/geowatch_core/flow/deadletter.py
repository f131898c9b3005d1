"""Where messages go that can go nowhere else, and the envelope in which they are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from geowatch_core.errors import BrokerStoppedError
from geowatch_core.flow.batch import Parcel
from geowatch_core.flow.destination import Destination
from geowatch_core.flow.failure import Failure
from geowatch_core.message import Message

__all__ = ["bury", "envelope"]


def bury(failures: Sequence[Failure], dead_letter: Destination | None) -> None:
    """Have the dead letter keep what failed.

    Raises:
        BrokerStoppedError: there is no dead letter, or it did not take all of them either.
    """
    if not failures:
        return
    if dead_letter is None:
        raise _stopped(failures[0], len(failures), "There is no dead letter")
    letters = list(map(envelope, failures))
    (refused,) = dead_letter.deliver([Parcel(dead_letter, letters, letters)])
    if refused:
        raise _stopped(failures[0], len(refused), f"The dead letter failed: {refused[0].error}")


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
        **_bytes("data", _original(failure)),
    }
    return Message(msgspec.json.encode(letter), message.key, message.headers, message.time)


def _original(failure: Failure) -> bytes:
    """The bytes that came; of a message made by hand, which had none, the nearest to them."""
    message = failure.message
    if message.origin is not None or not message.touched:
        return message.data
    return repr(message.value).encode() if failure.sent is None else failure.sent


def _bytes(name: str, data: bytes | None) -> dict[str, str | None]:
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        import base64

        return {f"{name}_base64": base64.b64encode(data).decode()}


def _plain(position: object) -> object:
    return position if isinstance(position, int | str | None) else str(position)


def _stopped(failure: Failure, count: int, why: str) -> BrokerStoppedError:
    message = failure.message
    source = message.origin.name if message.origin else "a message made by hand"
    stopped = BrokerStoppedError(
        f"{count} message(s) cannot go on, the first of {source} at position "
        f"{message.position!r}: {failure.where}: {failure.error} {why}",
        fix="Mend the cause and run again, or give the broker a dead_letter. Nothing of this batch "
        "was acked.",
    )
    stopped.__cause__ = failure.error
    return stopped
