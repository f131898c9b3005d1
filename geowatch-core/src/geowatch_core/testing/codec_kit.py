"""The conformance kit of codecs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import strategies as st

from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.path import Path
from geowatch_core.provision import make_codec
from geowatch_core.registry import CODECS, REGISTRY
from geowatch_core.testing import fuzz
from geowatch_core.testing.codec_base import LONG, examples, holds, leaked, refusal
from geowatch_core.testing.codec_document import CodecDocument
from geowatch_core.testing.codec_values import ANYTHING, ODD_BYTES, brief, same
from geowatch_core.testing.verdict import ConformanceError, ensure, not_proven

__all__ = ["CodecKit"]

_ENCODE = "Compare with what would be read back, and raise EncodeError where it differs."


class CodecKit(CodecDocument, kit=True):
    """What every codec must pass. Subclass it and say which codec, and what it writes.

    .. code-block:: python

        class TestGeoJson(CodecKit):
            codec = "geojson"

            def values(self):
                return features()  # a hypothesis strategy
    """

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

        holds(law, self.values())

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

        holds(law, st.one_of(ANYTHING, self.values()))

    def test_bad_bytes_are_a_decode_error(self) -> None:
        """Any bytes whatever are decoded or are a DecodeError, and nothing else."""
        holds(self._decodes_or_refuses, st.one_of(self.bad(), self._bent()))
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

        holds(law, st.one_of(self._bytes(), self._bent(), self.bad()))
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

        holds(law, self.values())

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
        seen = examples(self.values())

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
        if not LONG:
            not_proven("fuzzing: it runs with GEOWATCH_PROFILE=long only")
        if not fuzz.available():
            not_proven("fuzzing: atheris is not installed (pip install atheris)")
        found = fuzz.run(self.codec, examples(self._bytes()))
        ensure(
            found is None,
            f"Fuzzing found an error that is no DecodeError:\n{found}",
            expected="a DecodeError for whatever cannot be decoded",
            fix="Catch what the parser raises and `raise DecodeError(...) from error`.",
        )

    def _reads_alike(self, looked_at: Callable[[bytes], bool]) -> None:
        """Compare a reader with decode on whatever is `looked_at`."""
        __tracebackhide__ = True

        def law(drawn: tuple[list[bytes], list[Path]]) -> None:
            self._reads(*drawn)

        data = st.one_of(self._bytes(), self._bent(), self.bad()).filter(looked_at)
        holds(law, st.tuples(st.lists(data, max_size=6), self._paths()))

    def _reads(self, run: Sequence[bytes], paths: Sequence[Path]) -> None:
        __tracebackhide__ = True
        try:
            reading = self.made.reader(paths)(run)
        except Exception as error:
            raise leaked(f"Reading {list(paths)} of {run!r}", error) from error
        refused = {index: refusal(self.made, data) for index, data in enumerate(run)}
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
