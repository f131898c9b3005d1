"""What the codec writes and the producer reads: a rendered message beside its value."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

__all__ = ["CONTENT_TYPE", "Alert", "packed", "unpacked", "value_of"]

CONTENT_TYPE: Final = "application/vnd.geowatch.slack+json"


class Alert(msgspec.Struct, frozen=True):
    """A message as people see it.

    Args:
        text: in mrkdwn; with blocks, what notifications show.
        blocks: of Block Kit, or None.
        value: the JSON text of the value that it was rendered from; empty if there is none.
    """

    text: str
    blocks: list[Any] | None = None
    value: bytes = b""


class _Content(msgspec.Struct):
    text: str
    blocks: list[Any] | None = None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    geowatch: Literal["slack"]
    message: _Content
    value: msgspec.Raw


class _Outside(msgspec.Struct, forbid_unknown_fields=True):
    geowatch: Literal["slack"]
    message: msgspec.Raw
    value: msgspec.Raw


_decode: Final = msgspec.json.Decoder(_Envelope).decode
_decode_outside: Final = msgspec.json.Decoder(_Outside).decode
_REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def packed(alert: Alert) -> bytes:
    """One JSON text that holds the message, and the value as it is written."""
    message = msgspec.json.encode({"text": alert.text, "blocks": alert.blocks})
    return b'{"geowatch":"slack","message":%b,"value":%b}' % (message, alert.value)


def unpacked(data: bytes) -> Alert | None:
    """The message in what ``packed`` wrote; None for anything else."""
    try:
        found = _decode(data)
    except _REFUSED:
        return None
    return Alert(found.message.text, found.message.blocks, bytes(found.value))


def value_of(data: bytes) -> bytes:
    """The JSON text of the value in what ``packed`` wrote; anything else is its own value."""
    try:
        return bytes(_decode_outside(data).value)
    except _REFUSED:
        return data
