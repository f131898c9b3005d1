"""Checks of documents and lines: many values in one, and back."""

from __future__ import annotations

from hypothesis import strategies as st

from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.testing.codec_base import CodecBase, holds, leaked
from geowatch_core.testing.codec_values import same
from geowatch_core.testing.verdict import ensure, ensure_same

__all__ = ["CodecDocument"]


class CodecDocument(CodecBase, kit=True):
    """What a document or a line takes it gives back."""

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

        holds(law, st.lists(self._bytes(), max_size=5))
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

        holds(law, st.lists(self._bytes(), min_size=1, max_size=3))
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
                raise leaked(f"Unpacking {data!r}", error) from error
            ensure(
                all(type(item) is bytes for item in items),
                f"Unpacking {data!r} gave {items!r}",
                expected="the bytes of each item",
                fix="Give bytes, not values.",
            )

        holds(law, st.one_of(self.bad(), self._bent()))

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

        holds(law, self._bytes())
