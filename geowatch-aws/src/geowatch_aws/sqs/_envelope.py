"""The envelope that SNS puts a message into, unless it is told to deliver it raw."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["unwrapped"]


class _Attribute(msgspec.Struct):
    type: str = msgspec.field(name="Type")
    value: str = msgspec.field(name="Value")


class _Envelope(msgspec.Struct):
    """See https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html ."""

    type: str = msgspec.field(name="Type")
    message: str = msgspec.field(name="Message")
    topic: str = msgspec.field(name="TopicArn")
    attributes: dict[str, _Attribute] = msgspec.field(
        name="MessageAttributes", default_factory=dict
    )


_decode: Final = msgspec.json.Decoder(_Envelope).decode


def unwrapped(body: str, attributes: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The body and the attributes inside an envelope; what is none comes back as it is."""
    try:
        envelope = _decode(body)
        inner = {name: _inner(each) for name, each in envelope.attributes.items()}
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        return body, attributes
    if envelope.type != "Notification":
        return body, attributes
    return envelope.message, {**inner, **attributes}


def _inner(attribute: _Attribute) -> dict[str, Any]:
    if attribute.type.startswith("Binary"):
        return {"BinaryValue": b64decode(attribute.value)}
    return {"StringValue": attribute.value}
