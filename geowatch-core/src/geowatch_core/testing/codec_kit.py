"""The conformance kit of codecs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geowatch_core.codec import Codec
from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.path import Path
from geowatch_core.provision import make_codec
from geowatch_core.registry import CODECS, REGISTRY
from geowatch_core.testing import fuzz
from geowatch_core.testing.codec_values import ANYTHING, ODD_BYTES, bent, brief, paths_in, same
from geowatch_core.testing.harness import unfilled
from geowatch_core.testing.kit import Kit
from geowatch_core.testing.verdict import ConformanceError, ensure, ensure_same, not_proven

__all__ = ["CodecKit"]

_LONG = os.environ.get("GEOWATCH_PROFILE") == "long"
_FEW, _MANY = 60, 2_000
_DECODE = "Catch what the parser raises and `raise DecodeError(...) from error`."
_ENCODE = "Compare with what would be read back, and raise EncodeError where it differs."

Law = Callable[[Any], None]


class CodecKit(Kit, kit=True):
    """What every codec must pass. Subclass it and say which codec, and what it writes.

    .. code-block:: python

        class TestGeoJson(CodecKit):
            codec = "geojson"

            def values(self):
                return features()  # a hypothesis strategy

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

    def test_it_is_registered(self) -> None:
        """The codec is found by its name, which is that of its class."""
        ensure(
            self.made.name in REGISTRY.codec_names(),
            f"The codec {self.made.name} is not registered",
            expected=f"an entry point in {CODECS} of that name",
            fix="Name it in pyproject.toml, with the module of geowatch_codecs as its value.",
        )

    def test_what_was_encoded_comes_back(self) -> None:
        """Decoding what was encoded gives the same value, of the same types."""

        def law(value: Any) -> None:
            data = self._encoded(value, "a value of values()")
            got = self._decoded(data)
            ensure(
                type(data) is bytes and same(got, value),
                f"{brief(value)} was encoded as {brief(data)}, which decodes to {brief(got)}",
                expected="the same value",
                fix=f"{_ENCODE} Or take it out of values(), if it is not for this codec.",
            )

        _holds(law, self.values())

    def test_what_cannot_come_back_is_refused(self) -> None:
        """Any value whatever either comes back the same or is an EncodeError, and nothing else."""

        def law(value: Any) -> None:
            try:
                data = self.made.encode(value)
            except EncodeError:
                return
            except Exception as error:
                raise ConformanceError(
                    f"Encoding {brief(value)} raised {type(error).__name__}: {error}",
                    expected="an EncodeError",
                    fix="Catch what the writer raises and `raise EncodeError(...) from error`.",
                ) from error
            got = self._decoded(data)
            ensure(
                same(got, value),
                f"{brief(value)} was encoded as {brief(data)}, which decodes to {brief(got)}",
                expected="the same value, or an EncodeError",
                fix=_ENCODE,
            )

        _holds(law, st.one_of(ANYTHING, self.values()))

    def test_bad_bytes_are_a_decode_error(self) -> None:
        """Any bytes whatever are decoded or are a DecodeError, and nothing else."""
        _holds(self._decodes_or_refuses, st.one_of(self.bad(), self._bent()))
        for data in (*ODD_BYTES, *(deep * 100_000 for deep in (b"[", b'{"a":', b"(", b"<a>"))):
            self._decodes_or_refuses(data)

    def test_what_decodes_encodes_again(self) -> None:
        """A value that was decoded can be encoded, and that decodes to the same."""

        def law(data: bytes) -> None:
            try:
                value = self.made.decode(data)
            except DecodeError:
                return
            again = self._encoded(value, f"the value of {data!r}")
            ensure(
                same(self._decoded(again), value),
                f"{data!r} decodes to {value!r} and, encoded again as {again!r}, to something else",
                expected="the same value",
                fix="Refuse when decoding what cannot be written again.",
            )

        _holds(law, st.one_of(self._bytes(), self._bent(), self.bad()))
        for data in ODD_BYTES:
            law(data)

    def test_each_decode_gives_a_new_value(self) -> None:
        """Changing a decoded value does not change what the next decode gives."""

        def law(value: Any) -> None:
            data = self.made.encode(value)
            first = self.made.decode(data)
            if isinstance(first, dict | list):
                first.clear()
            ensure(
                same(self.made.decode(data), value),
                f"After the decoded {value!r} was changed, decode gives the changed one",
                expected="a new value at every call",
                fix="Keep no decoded value.",
            )

        _holds(law, self.values())

    def test_documents_keep_their_items(self) -> None:
        """Unpacking a document gives the items that were packed, unchanged and in order."""

        def law(items: list[bytes]) -> None:
            try:
                document = self.made.pack(items)
            except EncodeError:
                return
            fix = "Write the bytes of each item as they are, and refuse an item that does not fit."
            got = self._unpacked(document)
            ensure_same(got, items, "A document changed its items", fix=fix, ordered=True)

        _holds(law, st.lists(self._bytes(), max_size=5))
        ensure_same(self._unpacked(self.made.pack([])), [], "An empty document has items", fix="-")

    def test_documents_take_encoded_items(self) -> None:
        """Most documents of encoded values can be made: refusing them all would prove nothing."""
        taken = 0

        def law(items: list[bytes]) -> None:
            nonlocal taken
            try:
                self.made.pack(items)
            except EncodeError:
                return
            taken += 1

        _holds(law, st.lists(self._bytes(), min_size=1, max_size=3))
        ensure(
            taken > 0,
            "No document of encoded values could be packed",
            expected="that an item is refused only if it cannot stand in a document",
            fix="Have pack and line take what encode gives.",
        )

    def test_bad_documents_are_a_decode_error(self) -> None:
        """Any bytes whatever are unpacked or are a DecodeError, and nothing else."""

        def law(data: bytes) -> None:
            try:
                items = list(self.made.unpack(data))
            except DecodeError:
                return
            except Exception as error:
                raise _leaked(f"Unpacking {data!r}", error) from error
            ensure(
                all(type(item) is bytes for item in items),
                f"Unpacking {data!r} gave {items!r}",
                expected="the bytes of each item",
                fix="Give bytes, not values.",
            )

        _holds(law, st.one_of(self.bad(), self._bent()))

    def test_a_line_has_no_line_break(self) -> None:
        """A value as a line has no line break, is not empty, and decodes to the same value."""

        def law(data: bytes) -> None:
            try:
                line = self.made.line(data)
            except EncodeError:
                return
            ensure(
                bool(line) and b"\n" not in line and same(self._decoded(line), self._decoded(data)),
                f"{data!r} as a line is {line!r}",
                expected="the same value without a line break, or an EncodeError",
                fix="Write line breaks in another way, or raise EncodeError: also for no bytes at "
                "all, as an empty line is nothing.",
            )

        _holds(law, self._bytes())

    def test_a_reader_agrees_with_decode(self) -> None:
        """A reader finds what decode and Path.find find, and refuses what decode refuses."""
        self._reads_alike(lambda data: True)

    def test_codecs_are_equal_by_their_options(self) -> None:
        """Codecs of the same options are equal, of other options not, and none can change."""
        again = make_codec(self.codec)
        different = [make_codec(other) for other in self.others]
        ensure(
            self.made == again and hash(self.made) == hash(again),
            "Two codecs of the same options are not equal",
            expected="equality and hash by options: equal codecs hand bytes on as they are",
            fix="Write @attrs.frozen above the class.",
        )
        for index, codec in enumerate(different):
            ensure(
                codec not in (self.made, *different[:index]),
                f"{codec!r} with other options is equal to another",
                expected="that options make the difference",
                fix="Write @attrs.frozen above the class, and leave no option out of eq.",
            )
        try:
            self.made.changed = 1  # type: ignore[attr-defined]  # that this fails is the point
        except AttributeError:
            return
        raise ConformanceError(
            "An attribute of the codec could be set",
            expected="a frozen object, which many roles and threads share",
            fix="Write @attrs.frozen above the class.",
        )

    def test_threads_share_a_codec(self) -> None:
        """Many threads encode and decode at once, each its own value."""
        seen = _examples(self.values())

        def there_and_back(value: Any) -> bool:
            return same(self.made.decode(self.made.encode(value)), value)

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(there_and_back, seen * 5))
        ensure(
            all(results),
            "With four threads at once a value came back as another",
            expected="each thread its own value",
            fix="Keep no state between two calls; or keep it by thread.",
        )

    def test_fuzzing_finds_only_decode_errors(self) -> None:
        """In the long profile a fuzzer that sees the code's branches finds no other error."""
        if not _LONG:
            not_proven("fuzzing: it runs with GEOWATCH_PROFILE=long only")
        if not fuzz.available():
            not_proven("fuzzing: atheris is not installed (pip install atheris)")
        found = fuzz.run(self.codec, _examples(self._bytes()))
        ensure(
            found is None,
            f"Fuzzing found an error that is no DecodeError:\n{found}",
            expected="a DecodeError for whatever cannot be decoded",
            fix=_DECODE,
        )

    def _reads_alike(self, looked_at: Callable[[bytes], bool]) -> None:
        """Compare a reader with decode on whatever is `looked_at`."""
        __tracebackhide__ = True

        def law(drawn: tuple[list[bytes], list[Path]]) -> None:
            self._reads(*drawn)

        data = st.one_of(self._bytes(), self._bent(), self.bad()).filter(looked_at)
        _holds(law, st.tuples(st.lists(data, max_size=6), self._paths()))

    def _reads(self, run: Sequence[bytes], paths: Sequence[Path]) -> None:
        __tracebackhide__ = True
        try:
            reading = self.made.reader(paths)(run)
        except Exception as error:
            raise _leaked(f"Reading {list(paths)} of {run!r}", error) from error
        refused = {index: _refusal(self.made, data) for index, data in enumerate(run)}
        expected = sorted(index for index, error in refused.items() if error)
        ensure(
            sorted(reading.errors) == expected,
            f"Of {run!r} a reader of {list(paths)} refuses {sorted(reading.errors)}",
            expected=f"what decode refuses, {expected}",
            fix="Check in the reader all that decode checks.",
        )
        for path, column in zip(paths, reading.columns, strict=True):
            for index in set(range(len(run))) - set(expected):
                found = path.find(self.made.decode(run[index]))
                ensure(
                    same(column[index], found),
                    f"At {path} of {run[index]!r} a reader found {column[index]!r}",
                    expected=f"{found!r}, as decode and Path.find do",
                    fix="Find what Path.find finds, MISSING and None told apart.",
                )

    def _decodes_or_refuses(self, data: bytes) -> None:
        __tracebackhide__ = True
        try:
            self.made.decode(data)
        except DecodeError:
            return
        except Exception as error:
            raise _leaked(f"Decoding {data[:100]!r}", error) from error

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


def _holds(law: Law, values: st.SearchStrategy[Any]) -> None:
    """Try a law on many values; the same ones each time, but in the long profile."""
    __tracebackhide__ = True
    profile = settings(
        max_examples=_MANY if _LONG else _FEW,
        derandomize=not _LONG,
        database=None,
        deadline=None,
        report_multiple_bugs=False,  # one at a time, each with how to fix it
    )
    profile(given(values)(law))()


def _examples(values: st.SearchStrategy[Any]) -> list[Any]:
    """As many values as a law is tried on."""
    seen: list[Any] = []

    def law(value: Any) -> None:
        seen.append(value)

    _holds(law, values)
    return seen


def _refusal(codec: Codec, data: bytes) -> DecodeError | None:
    try:
        codec.decode(data)
    except DecodeError as error:
        return error
    return None


def _leaked(doing: str, error: Exception) -> ConformanceError:
    return ConformanceError(
        f"{doing} raised {type(error).__name__}: {error}", expected="a DecodeError", fix=_DECODE
    )
