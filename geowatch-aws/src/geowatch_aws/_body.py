"""A message as SQS and SNS carry it: a text, and attributes beside it.

Both take texts only, and not all of them: what is no UTF-8, has control characters or is empty goes
as base64. Key, headers and event time go into one attribute, ``geowatch``, as JSON; a message that
has none of them, and whose body is a proper text, has no attribute at all, and looks as anybody
else's.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from geowatch_core.message import Headers, Message

__all__ = ["ATTRIBUTE", "packed", "size_of", "unpacked"]

ATTRIBUTE: Final = "geowatch"
"""The name of the attribute; its type is String."""

_UNSAFE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS refuses: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

_NOTHING: Final = " "
"""The body of no bytes at all: it cannot be empty."""

_OVERHEAD: Final = len(ATTRIBUTE) + len("String")


class _Beside(msgspec.Struct, omit_defaults=True):
    """What the attribute holds; bytes are base64 there."""

    key: bytes | None = None
    headers: list[tuple[str, bytes]] = []
    time: float | None = None
    base64: bool = False


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Beside).decode


def packed(message: Message) -> tuple[str, str]:
    """The body, and the text of the attribute; empty where there is no need of one."""
    body = _text(message.data)
    if body is None:
        body, coded = b64encode(message.data).decode() or _NOTHING, True
    else:
        coded = False
    if not coded and message.key is None and message.time is None and not message.headers:
        return body, ""
    beside = _Beside(message.key, list(message.headers), message.time, coded)
    return body, _encode(beside).decode()


def size_of(message: Message) -> int:
    """Bytes of a message as the service counts them: the body, and the attribute with its name."""
    data = message.data
    if message.key is None and message.time is None and not message.headers and _text(data):
        return len(data)
    body, beside = packed(message)
    return len(body.encode()) + (len(beside.encode()) + _OVERHEAD if beside else 0)


def unpacked(body: str, attributes: Mapping[str, Any]) -> Message:
    """The message of a body and attributes, each with its ``StringValue`` or ``BinaryValue``.

    Attributes that others have put there are headers. A damaged one of ours is one of them.
    """
    if not attributes:
        return Message(body.encode())
    ours = attributes.get(ATTRIBUTE)
    beside = None if ours is None else _beside(ours)
    headers: Headers = tuple(
        (name, _value(each))
        for name, each in attributes.items()
        if beside is None or name != ATTRIBUTE
    )
    if beside is None:
        return Message(body.encode(), None, headers)
    data = body.encode()
    if beside.base64:
        try:
            data = b64decode(body.strip(_NOTHING), validate=True)
        except binascii.Error:
            headers += ((ATTRIBUTE, _value(ours)),)  # so that whoever meets it knows why
    return Message(data, beside.key, (*beside.headers, *headers), beside.time)


def _text(data: bytes) -> str | None:
    """The text of a body that the service takes as it is; None for any other."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if text and _UNSAFE.search(text) is None else None


def _beside(given: Mapping[str, Any]) -> _Beside | None:
    try:
        return _decode(given.get("StringValue") or "")
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _value(given: Any) -> bytes:
    text = given.get("StringValue")
    return bytes(given.get("BinaryValue") or b"") if text is None else text.encode()
