"""Finds the key of a message in its value, so that what belongs together stays in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from geowatch_core.codec import Codec
from geowatch_core.message import Message
from geowatch_core.path import MISSING, Path

__all__ = ["KeyFinder"]


class KeyFinder:
    """Reads the value at one path of encoded messages, without decoding more of them.

    A text is the key as it is, in UTF-8; anything else as JSON. Where there is no value, or null, a
    message keeps the key that it has.

    Args:
        codec: of the bytes that are read.
        path: where the key is.
    """

    def __init__(self, codec: Codec, path: Path) -> None:
        self._read = codec.reader([path])

    def keyed(self, messages: Sequence[Message]) -> list[Message]:
        """The messages with their keys; new ones where the key is new."""
        reading = self._read([message.data for message in messages])
        (column,) = reading.columns
        return [
            message
            if value is None or value is MISSING or index in reading.errors
            else _with_key(message, value)
            for index, (message, value) in enumerate(zip(messages, column, strict=True))
        ]


def _with_key(message: Message, value: Any) -> Message:
    key = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
    m = message
    return Message(m.data, key, m.headers, m.time, m.position, m.origin)
