"""The codec ``plain``."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geowatch_core.codecs import PlainCodec
from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.path import MISSING, Path

PLAIN = PlainCodec()
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1)


@given(st.text(st.characters(codec="utf-8")))
@example("\ufeffM 4.5")
@example("")
@example("a\r\nb\x00")
def test_any_text_comes_back(text: str) -> None:
    """A byte order mark and line breaks are characters like any other."""
    assert PLAIN.decode(PLAIN.encode(text)) == text
    assert PLAIN.encode(text) == text.encode()


@pytest.mark.parametrize("data", [b"\xff", b"caf\xe9", "x".encode("utf-16"), b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    """The refusal says which byte, and how to convert."""
    with pytest.raises(DecodeError, match=r"Not UTF-8: byte \d .*iconv"):
        PLAIN.decode(data)


@pytest.mark.parametrize("value", [None, 4.5, b"M 4.5", ["M"], {"mag": 4.5}])
def test_a_value_that_is_no_text_is_refused(value: object) -> None:
    """Nothing is turned into text behind one's back."""
    with pytest.raises(EncodeError, match=f"writes text, not {type(value).__name__} .*a str in"):
        PLAIN.encode(value)


def test_half_a_surrogate_pair_is_refused() -> None:
    """UTF-8 has no bytes for it."""
    with pytest.raises(EncodeError, match="half of a surrogate pair"):
        PLAIN.encode("M \ud800")


@given(st.lists(LINES.map(str.encode)))
def test_items_come_back_from_a_document(items: list[bytes]) -> None:
    """One on a line."""
    assert list(PLAIN.unpack(PLAIN.pack(items))) == items


def test_a_document_may_end_its_lines_as_windows_does() -> None:
    """Empty lines and a missing last line end make no difference."""
    assert list(PLAIN.unpack(b"a\r\nb\n\n\r\nc")) == [b"a", b"b", b"c"]
    assert list(PLAIN.unpack(b"")) == []


@pytest.mark.parametrize("item", [b"a\nb", b"a\n", b"a\rb", b"\r"])
def test_a_line_break_inside_a_line_is_refused(item: bytes) -> None:
    """A carriage return as well: others read it as the end of a line."""
    with pytest.raises(EncodeError, match=r"line break .* cannot be one line .*codec='json'"):
        PLAIN.line(item)


def test_an_empty_line_is_refused() -> None:
    """It would be skipped when it is read."""
    with pytest.raises(EncodeError, match="empty text cannot be one line"):
        PLAIN.pack([b"a", b""])


def test_a_reader_finds_the_text_and_nothing_inside() -> None:
    """A text is all there is."""
    reading = PLAIN.reader([Path.parse(""), Path.parse("a")])([b"x", "é".encode()])
    assert reading.columns == (["x", "é"], [MISSING, MISSING])
    assert reading.errors == {}


def test_a_character_split_between_two_messages_is_refused_in_both() -> None:
    """Each message is checked as it is, though a run is checked at once."""
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert sorted(PLAIN.reader([])([first, second]).errors) == [0, 1]
