"""Encoded messages as whole lines."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.codec import Codec
from geowatch_core.errors import CodecError, EncodeError
from geowatch_core.message import Message


def to_lines(codec: Codec, messages: Sequence[Message]) -> tuple[bytes, dict[int, CodecError]]:
    """The messages as lines with their ends, and by index why some cannot be a line."""
    line = codec.line
    try:
        lines = [line(message.data) for message in messages]
    except CodecError:
        return _one_by_one(codec, messages)
    payload = b"\n".join([*lines, b""])
    # One search of all of it, for what is in none of them as a rule.
    if b"" in lines or b"\r" in payload or payload.count(b"\n") != len(lines):
        return _one_by_one(codec, messages)
    return payload, {}


def _one_by_one(codec: Codec, messages: Sequence[Message]) -> tuple[bytes, dict[int, CodecError]]:
    kept: list[bytes] = []
    refused: dict[int, CodecError] = {}
    for index, message in enumerate(messages):
        try:
            line = codec.line(message.data)
        except CodecError as error:
            refused[index] = error
            continue
        if line and b"\n" not in line and not line.endswith(b"\r"):
            kept.append(line + b"\n")
        else:
            refused[index] = EncodeError(
                "A line of a file cannot be empty, have a line end in it or end in a carriage "
                "return: it would not come back as it is",
                got=message.data,
                fix="Use a codec that writes such values otherwise, such as json.",
            )
    return b"".join(kept), refused
