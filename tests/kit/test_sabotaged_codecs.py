"""The codec kit is itself tested: it refuses codecs that break one promise each."""
# ruff: noqa: D102 - the methods are those of a codec, and what each does wrong its class says

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import strategies as st

from geowatch_core.codec import Codec, Reader, Reading
from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.path import MISSING, Path
from geowatch_core.testing import CodecKit, ConformanceError


@attrs.frozen
class Good(Codec):
    """Texts as JSON has them, one on a line; any other value is refused."""

    name: ClassVar[str] = "good"

    def encode(self, value: Any) -> bytes:
        if type(value) is not str:
            raise EncodeError("not a text")
        try:
            return json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise EncodeError("half a character") from error

    def decode(self, data: bytes) -> str:
        try:
            value = json.loads(data.decode())
        except (ValueError, RecursionError) as error:
            raise DecodeError("not JSON") from error
        if not isinstance(value, str):
            raise DecodeError("not a text")
        self.encode_or_refuse(value)
        return value

    def encode_or_refuse(self, value: str) -> None:
        try:
            self.encode(value)
        except EncodeError as error:
            raise DecodeError("half a character") from error


class Truncates(Good):
    """Writes the first few characters."""

    def encode(self, value: Any) -> bytes:
        return super().encode(value[:5] if type(value) is str else value)


class LeaksValueErrors(Good):
    """Lets what its parser raises out."""

    def decode(self, data: bytes) -> str:
        value: str = json.loads(data.decode())
        return value


class WritesAnything(Good):
    """Writes as text what JSON has no type for."""

    def encode(self, value: Any) -> bytes:
        return json.dumps(value, default=str).encode()

    def decode(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise DecodeError("not JSON") from error


class RaisesTypeErrors(Good):
    """Refuses with an error of its own."""

    def encode(self, value: Any) -> bytes:
        if type(value) is not str:
            raise TypeError("not a text")
        return super().encode(value)


class ReadsWhatItCannotWrite(Good):
    """Reads a text that it refuses to write."""

    def encode_or_refuse(self, value: str) -> None:
        pass

    def encode(self, value: Any) -> bytes:
        if value == "x" or value == "\x00":
            raise EncodeError("never")
        return super().encode(value)


class SortsDocuments(Good):
    """Packs items in an order of its own."""

    def pack(self, items: Iterable[bytes]) -> bytes:
        return super().pack(sorted(items))


class LosesItems(Good):
    """Unpacks the first two items."""

    def unpack(self, document: bytes) -> Iterator[bytes]:
        return iter(list(super().unpack(document))[:2])


class LeaksFromDocuments(Good):
    """Lets what its parser raises out of a document."""

    def unpack(self, document: bytes) -> Iterator[bytes]:
        return iter([json.dumps(json.loads(line)).encode() for line in super().unpack(document)])


class BreaksLines(Good):
    """Wraps lines."""

    def line(self, item: bytes) -> bytes:
        return item[:1] + b"\n" + item[1:]


class RefusesDocuments(Good):
    """Packs nothing at all."""

    def pack(self, items: Iterable[bytes]) -> bytes:
        if list(items):
            raise EncodeError("no documents")
        return b""


class ChecksNothing(Good):
    """Has a reader that looks at nothing."""

    def reader(self, paths: Sequence[Path]) -> Reader:
        return lambda run: Reading(tuple([MISSING] * len(run) for _ in paths), {})


class EqualToNone(Good):
    """Is equal to itself only."""

    __hash__ = Good.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class ConfusesOnce(Good):
    """Takes one text for another, deep inside what it can be given."""

    def encode(self, value: Any) -> bytes:
        return super().encode("null" if value == "" else value)


class TheKit(CodecKit):
    codec = "json"

    def values(self) -> st.SearchStrategy[Any]:
        return st.text(st.characters(codec="utf-8"), max_size=10)


CHECKS = [name for name in dir(CodecKit) if name.startswith("test_")]
NOT_OF_THE_CLASS = {
    "test_it_is_registered",
    "test_fuzzing_finds_only_decode_errors",
    "test_codecs_are_equal_by_their_options",
}


def kit(codec: Codec) -> TheKit:
    """The kit for a codec that is not registered."""
    made = TheKit()
    made.made = codec
    return made


@pytest.mark.parametrize("check", sorted(set(CHECKS) - NOT_OF_THE_CLASS))
def test_the_good_codec_passes(check: str) -> None:
    """A codec that keeps its promises passes every check."""
    getattr(kit(Good()), check)()


@pytest.mark.parametrize(
    ("codec", "check"),
    [
        (Truncates(), "test_what_was_encoded_comes_back"),
        (ConfusesOnce(), "test_what_was_encoded_comes_back"),
        (WritesAnything(), "test_what_cannot_come_back_is_refused"),
        (RaisesTypeErrors(), "test_what_cannot_come_back_is_refused"),
        (LeaksValueErrors(), "test_bad_bytes_are_a_decode_error"),
        (ReadsWhatItCannotWrite(), "test_what_decodes_encodes_again"),
        (SortsDocuments(), "test_documents_keep_their_items"),
        (LosesItems(), "test_documents_keep_their_items"),
        (RefusesDocuments(), "test_documents_take_encoded_items"),
        (LeaksFromDocuments(), "test_bad_documents_are_a_decode_error"),
        (BreaksLines(), "test_a_line_has_no_line_break"),
        (ChecksNothing(), "test_a_reader_agrees_with_decode"),
        (EqualToNone(), "test_codecs_are_equal_by_their_options"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Codec) else None,
)
def test_a_sabotaged_codec_is_refused_by_the_check_named_for_it(codec: Codec, check: str) -> None:
    """The named check fails, with what is expected and how to fix it."""
    with pytest.raises(ConformanceError, match=r"(?s)expected: .*to fix: "):
        getattr(kit(codec), check)()
