"""A codec turns bytes into a value and back, and many values into one document and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import msgspec

from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.path import MISSING, Path

__all__ = ["Codec", "Reader", "Reading"]


class Reading(msgspec.Struct, frozen=True):
    """What a `Reader` found in a run of messages.

    Attributes:
        columns: for each path that was asked for, the values at that place in message order;
            `MISSING` where there is none. Where ``errors`` has an index, the values mean nothing.
        errors: by index, why a message is not what the codec promises.
    """

    columns: tuple[list[Any], ...]
    errors: dict[int, DecodeError]


Reader = Callable[[Sequence[bytes]], Reading]
"""Checks a run of messages and finds the values at certain paths, without decoding more."""


class Codec(ABC):
    """Bytes to value and back. Frozen, compared by its options, shared by threads.

    ``decode(encode(value)) == value`` for every value that ``encode`` takes, but for tuples, which
    may come back as lists; what would not come back the same is refused. A codec never sees a
    backend.
    """

    name: ClassVar[str]
    content_type: ClassVar[str] = "application/octet-stream"
    document: ClassVar[bool] = False
    """Whether ``pack`` makes one document with a format of its own, rather than lines."""

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """The bytes of one value.

        Raises:
            EncodeError: the value cannot be written without losing some of it.
        """

    def encode_all(self, values: Sequence[Any]) -> Sequence[bytes]:
        """``encode`` of each value, for codecs that can look at a whole run at once.

        Raises:
            EncodeError: one of them is refused; ``encode`` of each tells which.
        """
        return [self.encode(value) for value in values]

    @abstractmethod
    def decode(self, data: bytes) -> Any:
        """The value of one message's bytes; a new one at every call.

        Raises:
            DecodeError: the bytes are not what this codec promises.
        """

    def decode_all(self, run: Sequence[bytes]) -> Sequence[Any]:
        """``decode`` of each message's bytes, for codecs that can look at a whole run at once.

        Raises:
            DecodeError: one of them is refused; ``decode`` of each tells which.
        """
        return [self.decode(data) for data in run]

    def decode_checked(self, data: bytes) -> Any:
        """``decode`` of bytes in which a reader found no fault: it need not look again.

        Raises:
            DecodeError: nevertheless, for what a reader cannot see.
        """
        return self.decode(data)

    def pack(self, items: Iterable[bytes]) -> bytes:
        r"""One document that holds every item, each the bytes of one encoded value, in order.

        The items are not decoded and come back unchanged from ``unpack``. Unless a codec has a
        document format of its own, items are lines, each ended by ``\n``.

        Raises:
            EncodeError: an item cannot stand in such a document.
        """
        return b"".join(self.line(item) + b"\n" for item in items)

    def unpack(self, document: bytes) -> Iterator[bytes]:
        """The items of a document, as ``pack`` took them.

        Raises:
            DecodeError: not a document of this codec.
        """
        for line in document.split(b"\n"):
            if line:
                yield line

    def line(self, item: bytes) -> bytes:
        """One encoded value as one line, without its end, for line-delimited channels.

        Raises:
            EncodeError: the value is empty, or has a line break that cannot be written otherwise.
        """
        if not item or b"\n" in item or item.endswith(b"\r"):
            what = (
                "An item that is empty, has a line break, or ends in a carriage return is no line"
            )
            raise EncodeError(what, got=item, fix="Use another codec, such as json.")
        return item

    def reader(self, paths: Sequence[Path]) -> Reader:
        """A reader of the values at `paths`; with none, it only checks.

        It reports as errors exactly what ``decode`` refuses. A codec that can find a few values
        faster than decode all of them overrides this.
        """

        def read(run: Sequence[bytes]) -> Reading:
            columns: tuple[list[Any], ...] = tuple([MISSING] * len(run) for _ in paths)
            errors: dict[int, DecodeError] = {}
            for index, data in enumerate(run):
                try:
                    value = self.decode(data)
                except DecodeError as error:
                    errors[index] = error
                else:
                    for path, column in zip(paths, columns, strict=True):
                        column[index] = path.find(value)
            return Reading(columns, errors)

        return read
