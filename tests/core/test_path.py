from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core import MISSING, ConfigurationError, Path

# The document and the answers are those of RFC 6901, section 5.
RFC_6901 = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}
ANSWERS = [
    ("", RFC_6901),
    ("/foo", ["bar", "baz"]),
    ("/foo/0", "bar"),
    ("/", 0),
    ("/a~1b", 1),
    ("/c%d", 2),
    ("/e^f", 3),
    ("/g|h", 4),
    ("/i\\j", 5),
    ('/k"l', 6),
    ("/ ", 7),
    ("/m~0n", 8),
]


@pytest.mark.parametrize(("pointer", "answer"), ANSWERS)
def test_a_json_pointer_finds_what_rfc_6901_says(pointer: str, answer: Any) -> None:
    """Every example of the standard gives the standard's answer."""
    assert Path.parse(pointer).find(RFC_6901) == answer


def test_an_escaped_tilde_is_read_before_nothing_else() -> None:
    """``~01`` is a tilde and a one, never a slash (RFC 6901, section 4)."""
    assert Path.parse("/~01").steps == ("~1",)


@pytest.mark.parametrize("text", ["/a~2", "/~", "/a~b/c", "/a/b~"])
def test_a_tilde_that_escapes_nothing_is_refused(text: str) -> None:
    """A pointer that RFC 6901 calls an error is one, with the way to write it."""
    with pytest.raises(ConfigurationError, match="~0 for ~"):
        Path.parse(text)


FEATURE = {
    "properties": {"mag": 4.5, "place": None, "a.b": "dotted", "0": "zero"},
    "geometry": {"coordinates": [11.0, 48.0]},
    "text": "abc",
    "bytes": b"abc",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("properties.mag", 4.5),
        ("properties.place", None),
        ("properties.0", "zero"),
        ("/properties/a.b", "dotted"),
        ("geometry.coordinates", [11.0, 48.0]),
        ("geometry.coordinates.1", 48.0),
    ],
)
def test_a_path_finds_what_is_there(text: str, found: object) -> None:
    """Names lead into objects and indexes into lists; null is a value."""
    assert Path.parse(text).find(FEATURE) == found


@pytest.mark.parametrize(
    "text",
    [
        "properties.depth",
        "properties.place.country",
        "properties.mag.unit",
        "geometry.coordinates.2",
        "geometry.coordinates.-1",
        "geometry.coordinates.-",
        "geometry.coordinates.01",
        "geometry.coordinates.+1",
        "geometry.coordinates.1_0",
        "geometry.coordinates.\N{ARABIC-INDIC DIGIT ONE}",
        "geometry.coordinates.x",
        "geometry.coordinates." + "9" * 5_000,
        "text.0",
        "bytes.0",
    ],
)
def test_a_path_to_nothing_finds_missing(text: str) -> None:
    """What is not there is MISSING, which is not null; an index is written as RFC 6901 says."""
    assert Path.parse(text).find(FEATURE) is MISSING


def test_missing_is_false_and_says_its_name() -> None:
    """MISSING can be tested like None, and is recognised in a log."""
    assert not MISSING
    assert repr(MISSING) == "MISSING"


@pytest.mark.parametrize("text", [".", "a.", ".a", "a..b"])
def test_a_dotted_path_with_an_empty_step_is_refused(text: str) -> None:
    """A slip of the finger is an error that shows how to write it."""
    with pytest.raises(ConfigurationError, match=r"Write it like properties\.mag\."):
        Path.parse(text)


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (("properties", "mag"), "properties.mag"),
        (("a.b", "c/d", "e~f"), "/a.b/c~1d/e~0f"),
        (("",), "/"),
        ((), ""),
        (("/a",), "/~1a"),
    ],
)
def test_a_path_is_written_with_dots_where_that_can_be_read(
    steps: tuple[str, ...], text: str
) -> None:
    """Where a name has a dot in it, is empty or starts with a slash, it is a JSON Pointer."""
    assert str(Path(steps)) == text
    assert repr(Path(steps)) == f"Path.parse({text!r})"


@given(st.lists(st.text(alphabet="ab./~01 ", max_size=4), max_size=4).map(tuple))
def test_every_path_is_read_as_it_was_written(steps: tuple[str, ...]) -> None:
    """Writing a path and reading it again gives the same path, whatever its names are."""
    assert Path.parse(str(Path(steps))) == Path(steps)


def test_equal_paths_are_one_key() -> None:
    """Two ways to write one place are equal and hash alike."""
    assert len({Path.parse("a.b"), Path.parse("/a/b")}) == 1
