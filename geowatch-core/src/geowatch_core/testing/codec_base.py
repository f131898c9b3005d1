"""What the checks of codecs do: draw values and bytes, encode, decode, and judge what is raised."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geowatch_core.codec import Codec
from geowatch_core.errors import DecodeError
from geowatch_core.path import Path
from geowatch_core.provision import make_codec
from geowatch_core.testing.codec_values import bent, paths_in
from geowatch_core.testing.harness import unfilled
from geowatch_core.testing.kit import Kit
from geowatch_core.testing.verdict import ConformanceError

__all__ = ["LONG", "CodecBase", "examples", "holds", "leaked", "refusal"]

LONG: Final = os.environ.get("GEOWATCH_PROFILE") == "long"
_FEW, _MANY = 60, 2_000
_DECODE = "Catch what the parser raises and `raise DecodeError(...) from error`."

Law = Callable[[Any], None]


class CodecBase(Kit, kit=True):
    """Checks of a codec.

    Attributes:
        codec: its registered name, or a table with its name and options.
        others: tables of the same codec with other options, each of which makes another codec.
    """

    codec: ClassVar[str | Mapping[str, Any]]
    others: ClassVar[Sequence[Mapping[str, Any]]] = ()
    fills = frozenset({"codec", "others", "values", "bad", "paths"})
    made: Codec

    def values(self) -> st.SearchStrategy[Any]:
        """Values that the codec can write. To be filled in."""
        unfilled(type(self).__name__, "values")

    def bad(self) -> st.SearchStrategy[bytes]:
        """Bytes to decode, most of them bad; by default anything."""
        return st.binary(max_size=200)

    def paths(self) -> Sequence[str]:
        """Paths to read beside those that are found in values."""
        return ("properties.mag", "0", "a.b.c")

    @pytest.fixture(autouse=True)
    def _made_codec(self) -> None:
        if not hasattr(self, "codec"):
            unfilled(type(self).__name__, "codec")
        self.made = make_codec(self.codec)

    @classmethod
    def about(cls) -> tuple[str, str]:
        """The codec."""
        return "codec", str(cls.codec if isinstance(cls.codec, str) else dict(cls.codec))

    def _decodes_or_refuses(self, data: bytes) -> None:
        __tracebackhide__ = True
        try:
            self.made.decode(data)
        except DecodeError:
            return
        except Exception as error:
            raise leaked(f"Decoding {data[:100]!r}", error) from error

    def _encoded(self, value: Any, what: str) -> bytes:
        __tracebackhide__ = True
        try:
            return self.made.encode(value)
        except Exception as error:
            raise ConformanceError(
                f"{what} could not be encoded: {type(error).__name__}: {error}",
                expected="its bytes",
                fix="Have encode take it; have decode refuse it; or take it out of values().",
            ) from error

    def _decoded(self, data: bytes) -> Any:
        __tracebackhide__ = True
        try:
            return self.made.decode(data)
        except Exception as error:
            raise ConformanceError(
                f"{data!r}, which this codec wrote, could not be decoded: {error}",
                expected="its value",
                fix="Refuse in encode what cannot be read back.",
            ) from error

    def _unpacked(self, document: bytes) -> list[bytes]:
        __tracebackhide__ = True
        try:
            return list(self.made.unpack(document))
        except Exception as error:
            raise ConformanceError(
                f"{document!r}, which this codec packed, could not be unpacked: {error}",
                expected="its items",
                fix="Refuse in pack what cannot be unpacked.",
            ) from error

    def _bytes(self) -> st.SearchStrategy[bytes]:
        return self.values().map(self.made.encode)

    def _bent(self) -> st.SearchStrategy[bytes]:
        return bent(self._bytes())

    def _paths(self) -> st.SearchStrategy[list[Path]]:
        given_ = st.sampled_from([Path.parse(text) for text in ("", *self.paths())])
        found = self.values().flatmap(lambda value: st.sampled_from(paths_in(value)))
        return st.lists(st.one_of(given_, found), max_size=4)


def holds(law: Law, values: st.SearchStrategy[Any]) -> None:
    """Try a law on many values; the same ones each time, but in the long profile."""
    __tracebackhide__ = True
    profile = settings(
        max_examples=_MANY if LONG else _FEW,
        derandomize=not LONG,
        database=None,
        deadline=None,
        report_multiple_bugs=False,  # one at a time, each with how to fix it
    )
    profile(given(values)(law))()


def examples(values: st.SearchStrategy[Any]) -> list[Any]:
    """As many values as a law is tried on."""
    seen: list[Any] = []

    def law(value: Any) -> None:
        seen.append(value)

    holds(law, values)
    return seen


def refusal(codec: Codec, data: bytes) -> DecodeError | None:
    """Why `codec` refuses `data`, or None."""
    try:
        codec.decode(data)
    except DecodeError as error:
        return error
    return None


def leaked(doing: str, error: Exception) -> ConformanceError:
    """What came out is not one of the errors that a codec may raise."""
    return ConformanceError(
        f"{doing} raised {type(error).__name__}: {error}", expected="a DecodeError", fix=_DECODE
    )
