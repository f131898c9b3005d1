"""The `json` codec: a message is one JSON text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final

import attrs
import msgspec

from geowatch_core.codec import Codec, Reader
from geowatch_core.codecs import _explain, _json, _projection
from geowatch_core.path import Path

__all__ = ["JsonCodec"]

_decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_WHITE_SPACE: Final = b" \t\r\n"


@attrs.frozen(kw_only=True)
class JsonCodec(Codec):
    """JSON as RFC 8259 has it, in UTF-8, of which nothing is lost between bytes and value.

    Refused both ways: NaN and infinity, integers of more than 4,300 digits, more than 200 lists and
    objects inside each other, half of a surrogate pair. When reading, also a byte order mark, other
    encodings, and numbers larger than a float holds (``1e999``); when writing, types that JSON
    does not have. If a name stands twice in an object, its last value counts. Tuples are written
    as arrays and come back as lists.
    """

    name: ClassVar[str] = "json"
    content_type: ClassVar[str] = "application/json"
    document: ClassVar[bool] = True

    def encode(self, value: Any) -> bytes:
        """The JSON text of `value`, on one line.

        Raises:
            EncodeError: `value` would come back as something else; says where in it.
        """
        return _json.write(value)

    def encode_all(self, values: Sequence[Any]) -> list[bytes]:
        """``encode`` of each value.

        Raises:
            EncodeError: one of them is refused.
        """
        return _json.write_all(values)

    def decode(self, data: bytes) -> Any:
        """The value of one JSON text.

        Raises:
            DecodeError: not JSON, or it could not be kept.
        """
        return _json.parse(data)

    def decode_all(self, run: Sequence[bytes]) -> list[Any]:
        """``decode`` of each text.

        Raises:
            DecodeError: one of them is refused.
        """
        return _json.parse_all(run)

    decode_checked = staticmethod(_json.parse_checked)

    def pack(self, items: Iterable[bytes]) -> bytes:
        """A JSON array of the items, one on a line.

        Raises:
            EncodeError: an item is not JSON.
        """
        return b"[\n" + _json.joined(items) + b"\n]\n"

    def unpack(self, document: bytes) -> Iterator[bytes]:
        """The items of an array, as they are written there; any other document is its own item.

        Raises:
            DecodeError: not JSON.
        """
        try:
            if document.lstrip(_WHITE_SPACE).startswith(b"["):
                items = _decode_items(document)
            else:
                items = [_decode_raw(document)]
        except _json.REFUSED as error:
            raise _explain.refusal(document, error) from error
        yield from map(bytes, items)

    def line(self, item: bytes) -> bytes:
        """The item without line breaks; numbers and texts stay as they are written.

        Raises:
            EncodeError: an item with line breaks is not JSON.
        """
        return _json.one_line(item)

    def reader(self, paths: Sequence[Path]) -> Reader:
        """Decodes only what is at `paths`.

        It refuses what ``decode`` refuses, with one exception: a number larger than Python reads
        (``1e999``), where nobody asked for it. Its message goes on with the bytes it came with.
        """
        wanted = _projection.tree(paths)
        if wanted is None:
            return super().reader(paths)
        rows = _projection.decoder(_projection.struct("Message", wanted) if paths else msgspec.Raw)
        return _projection.reader(self.decode, rows, paths, wanted)
