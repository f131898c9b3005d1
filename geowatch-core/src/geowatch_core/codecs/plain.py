"""The `plain` codec: a message is a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import attrs

from geowatch_core.codec import Codec, Reader, Reading
from geowatch_core.codecs import _text
from geowatch_core.errors import EncodeError
from geowatch_core.path import MISSING, Path

__all__ = ["PlainCodec"]


@attrs.frozen(kw_only=True)
class PlainCodec(Codec):
    """Text in UTF-8, any text. A byte order mark is a character of the text like any other."""

    name: ClassVar[str] = "plain"
    content_type: ClassVar[str] = "text/plain; charset=utf-8"

    def encode(self, value: Any) -> bytes:
        """The text in UTF-8.

        Raises:
            EncodeError: not a str, or half of a surrogate pair in it.
        """
        if not isinstance(value, str):
            raise EncodeError(
                f"The codec plain writes text, not {type(value).__name__}",
                got=value,
                fix="Make it a str in a transform, or use codec='json'.",
            )
        return _text.encoded(value)

    def decode(self, data: bytes) -> str:
        """The text.

        Raises:
            DecodeError: not UTF-8.
        """
        return _text.decoded(data)

    def unpack(self, document: bytes) -> Iterator[bytes]:
        r"""The lines that are not empty; they may end with ``\n`` or ``\r\n``."""
        return _text.lines(document)

    def line(self, item: bytes) -> bytes:
        """The text itself.

        Raises:
            EncodeError: it is empty or has a line break in it.
        """
        return _text.checked_line(item)

    def reader(self, paths: Sequence[Path]) -> Reader:
        """Checks a run at once. A text has nothing inside, so only the empty path finds it."""
        exact = super().reader(paths)

        def read(run: Sequence[bytes]) -> Reading:
            # A line feed between two messages keeps the end of one from completing a character
            # with the start of the next.
            joined = b"\n".join(run)
            if not joined.isascii():
                try:
                    joined.decode()
                except UnicodeDecodeError:
                    return exact(run)
            return Reading(tuple(_column(path, run) for path in paths), {})

        return read


def _column(path: Path, run: Sequence[bytes]) -> list[Any]:
    return [MISSING] * len(run) if path.steps else list(map(bytes.decode, run))
