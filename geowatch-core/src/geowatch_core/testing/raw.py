"""A codec that shows what a backend does to bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import attrs

from geowatch_core.codec import Codec
from geowatch_core.errors import DecodeError, EncodeError

__all__ = ["RawCodec"]

_HEAD = 8


@attrs.frozen
class RawCodec(Codec):
    """Bytes as they are. A document is items one after the other, each behind its length."""

    name: ClassVar[str] = "raw"

    def encode(self, value: Any) -> bytes:
        """Give the bytes themselves."""
        if type(value) is not bytes:
            raise EncodeError(
                "The raw codec takes bytes only", got=type(value).__name__, fix="Give it bytes."
            )
        return value

    def decode(self, data: bytes) -> bytes:
        """Give the bytes themselves."""
        return data

    def pack(self, items: Iterable[bytes]) -> bytes:
        """Put the length before each item, so that any bytes can stand in a document."""
        return b"".join(len(item).to_bytes(_HEAD) + item for item in items)

    def unpack(self, document: bytes) -> Iterator[bytes]:
        """Cut a document where the lengths say."""
        at = 0
        while at < len(document):
            start = at + _HEAD
            at = start + int.from_bytes(document[at:start])
            if start > len(document) or at > len(document):
                raise DecodeError(
                    "A raw document ends in the middle of an item", fix="Write it with pack()."
                )
            yield document[start:at]

    def line(self, item: bytes) -> bytes:
        """Refuse what a line cannot hold."""
        if not item or b"\n" in item:
            raise EncodeError(
                "Raw bytes that are empty or have a line break cannot be a line",
                got=item,
                fix="Give it another message, or a document in place of lines.",
            )
        return item
