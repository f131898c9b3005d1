"""The codec ``list``."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geowatch_core.codecs import GeoJsonCodec, ListCodec
from geowatch_core.errors import ConfigurationError, DecodeError, EncodeError
from geowatch_core.path import Path
from tests.core.codecs import geo

ROWS = ListCodec()
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"))
QUAKE = ListCodec(
    columns=[
        "type",
        "id",
        "properties.mag",
        "properties.place",
        "geometry.type",
        "geometry.coordinates.0",
        "geometry.coordinates.1",
        "geometry.coordinates.2",
    ]
)
FEATURE = {
    "type": "Feature",
    "id": "us1",
    "properties": {"mag": 4.5, "place": "near Town"},
    "geometry": {"type": "Point", "coordinates": [7.0, -1.25, 10]},
}


@given(st.lists(CELLS, min_size=1))
def test_any_list_of_texts_comes_back(cells: list[str]) -> None:
    """As long as no cell has a tab or a line break in it."""
    assert ROWS.decode(ROWS.encode(cells)) == cells
    assert ROWS.encode(cells) == "\t".join(cells).encode()


@pytest.mark.parametrize("cell", ["a\tb", "\t", "a\nb", "\r"])
def test_a_cell_that_would_become_two_is_refused(cell: str) -> None:
    """The refusal names the cell."""
    with pytest.raises(EncodeError, match=r"The cell 1 has a (separator|line break) in it"):
        ROWS.encode(["x", cell])


@pytest.mark.parametrize("value", ["text", [], None, {"a": "b"}, 4])
def test_a_value_that_is_no_list_is_refused(value: Any) -> None:
    """The refusal offers columns."""
    with pytest.raises(EncodeError, match="Configure columns"):
        ROWS.encode(value)


@pytest.mark.parametrize("cell", [None, 4.5, b"x", ["x"]])
def test_a_cell_that_is_no_text_is_refused(cell: Any) -> None:
    """Nothing is turned into text behind one's back."""
    with pytest.raises(EncodeError, match="The cell 1 is no text"):
        ROWS.encode(["x", cell])


def test_a_row_that_is_not_utf8_is_refused() -> None:
    """With or without columns."""
    for codec in (ROWS, QUAKE):
        with pytest.raises(DecodeError, match="Not UTF-8"):
            codec.decode(b"a\t\xff")


def test_a_feature_becomes_a_row_and_back() -> None:
    """Numbers are numbers again, and texts texts."""
    row = b"Feature\tus1\t4.5\tnear Town\tPoint\t7.0\t-1.25\t10"
    assert QUAKE.encode(FEATURE) == row
    assert repr(QUAKE.decode(row)) == repr(FEATURE)


def test_the_earthquakes_of_a_week_become_rows_and_geojson_again() -> None:
    """Every member that a column names is what orjson read from the feed."""
    geojson = GeoJsonCodec(out_of_range="refuse")
    for feature in orjson.loads(geo.QUAKES.read_bytes())["features"]:
        known = ("mag", "place")
        expected = feature | {"properties": {k: feature["properties"][k] for k in known}}
        back = QUAKE.decode(QUAKE.line(QUAKE.encode(feature)))
        assert back == expected
        assert geojson.decode(geojson.encode(back)) == expected


def test_an_empty_cell_is_nothing_and_null_is_null() -> None:
    """A missing member stays away, and a Feature of no place keeps its null geometry."""
    feature = {"type": "Feature", "id": 7, "properties": {"mag": None}, "geometry": None}
    row = QUAKE.encode(feature)
    assert row == b"Feature\t7\tnull\t\t\t\t\t"
    assert QUAKE.decode(row) == feature


def test_a_shorter_list_leaves_its_last_cells_empty() -> None:
    """A position without an altitude comes back without one."""
    feature = FEATURE | {"geometry": {"type": "Point", "coordinates": [1, 2]}}
    assert QUAKE.encode(feature).endswith(b"\t1\t2\t")
    assert QUAKE.decode(QUAKE.encode(feature)) == feature


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("us1", "us1"),
        ("4.5 km N", "4.5 km N"),
        ("NaN", "NaN"),
        ("nullable", "nullable"),
        ("[draft", "[draft"),
        ("12345678901234567890123", '"12345678901234567890123"'),
        (12345678901234567890123, "12345678901234567890123"),
        (" 4.5", '" 4.5"'),
        ("4.5", '"4.5"'),
        ("-0", '"-0"'),
        ("null", '"null"'),
        ("true", '"true"'),
        ("", '""'),
        ('"quoted"', '"\\"quoted\\""'),
        ('"half', '"half'),
        ("[]", '"[]"'),
        (4.5, "4.5"),
        (4, "4"),
        (4.0, "4.0"),
        (1e22, "1e22"),
        (True, "true"),
        (None, "null"),
        ([1, "a\tb"], '[1,"a\\tb"]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_a_cell_is_the_text_itself_unless_that_reads_as_json(value: Any, cell: str) -> None:
    """Then, and for all else, it is JSON; and it comes back."""
    codec = ListCodec(columns=["a"])
    assert codec.encode({"a": value}) == cell.encode()
    assert repr(codec.decode(cell.encode())) == repr({"a": value})


@given(value=st.one_of(CELLS, geo.values), separator=st.sampled_from("\t,;|"))
@example(value="\ufeff1", separator="\t")
@example(value="1\u00a0", separator="\t")
def test_a_cell_comes_back_or_is_refused(value: Any, separator: str) -> None:
    """Whatever the value and the separator."""
    codec = ListCodec(columns=["a", "b.c"], separator=separator)
    row = {"a": value, "b": {"c": value}}
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    if any(character in text for character in (separator, "\r", "\n")):
        with pytest.raises(EncodeError, match=r"The column a has a (separator|line break) in it"):
            codec.encode(row)
    else:
        assert repr(codec.decode(codec.encode(row))) == repr(row)


@pytest.mark.parametrize("mag", [float("nan"), pytest.param(10**4300, id="too-long"), {1: 2}, b"x"])
def test_a_value_that_json_has_not_is_refused_with_its_column(mag: Any) -> None:
    """As the codec json refuses it."""
    with pytest.raises(EncodeError, match=r"The column properties\.mag cannot be written\."):
        QUAKE.encode({**FEATURE, "properties": {"mag": mag}})


@pytest.mark.parametrize("place", ["a\tb", "a\nb", "a\r"])
def test_a_tab_inside_a_field_is_refused_with_its_column(place: str) -> None:
    """Never passed, and never replaced."""
    with pytest.raises(EncodeError, match=r"The column properties\.place has a"):
        QUAKE.encode({**FEATURE, "properties": {"place": place}})


def test_another_separator_lets_tabs_through() -> None:
    """Only what separates is refused."""
    codec = ListCodec(separator=";")
    assert codec.decode(codec.encode(["a\tb", "c"])) == ["a\tb", "c"]
    with pytest.raises(EncodeError, match="separator"):
        codec.encode(["a;b"])


@pytest.mark.parametrize("data", [b"us1\t4.5", b"1\t2\t3\t4\t5\t6\t7\t8\t9", b""])
def test_a_row_of_another_length_is_refused(data: bytes) -> None:
    """The refusal says both numbers."""
    with pytest.raises(DecodeError, match=r"A row has \d cells, and 8 columns are configured"):
        QUAKE.decode(data)


def test_a_list_with_a_hole_is_refused() -> None:
    """Nothing is made up to fill it."""
    with pytest.raises(DecodeError, match="has a later item, but no item 0"):
        QUAKE.decode(b"Feature\tus1\t4.5\tx\tPoint\t\t2\t")
    lonely = ListCodec(columns=["geometry.coordinates.1"])
    with pytest.raises(DecodeError, match=r"name the column geometry\.coordinates\.0"):
        lonely.decode(lonely.encode(FEATURE))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"geometry": "here"}, "take geometry for an object, and it is str"),
        ({"geometry": {"coordinates": {"0": 1}}}, r"take geometry\.coordinates for a list"),
        ({"properties": [1]}, "take properties for an object, and it is list"),
        ([1, 2], "take the value for an object, and it is list"),
        ("text", "take the value for an object"),
        (None, "cannot be made of null"),
    ],
)
def test_what_columns_would_lose_is_refused(value: Any, says: str) -> None:
    """Where a path leads into something that is not what it takes it for."""
    with pytest.raises(EncodeError, match=says):
        QUAKE.encode(value)


def test_columns_may_count_the_items_of_a_list() -> None:
    """At the top, too."""
    codec = ListCodec(columns=["0", "1.a"])
    assert codec.encode([1, {"a": "x"}]) == b"1\tx"
    assert codec.decode(b"1\tx") == [1, {"a": "x"}]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("id", "not a list of paths"),
        ([1], "A column is not a path"),
        ([""], "A column is not a path"),
        (["a..b"], "empty step"),
        (["a", "a"], "holds all of"),
        (["a", "a.b"], "The column a holds all of the column a.b"),
        (["a.b.c", "a.b"], "The column a.b holds all of the column a.b.c"),
        (["a.0", "a.b"], "takes for an object what is a list to the column a.0"),
        (["a.b", "a.0.c"], "takes for a list what is an object to the column a.b"),
    ],
)
def test_columns_of_which_no_value_can_be_built_are_refused(columns: Any, says: str) -> None:
    """Before the first message comes."""
    with pytest.raises(ConfigurationError, match=says):
        ListCodec(columns=columns)


@pytest.mark.parametrize("separator", ["", "ab", "\n", "\r", '"', 7, None])
def test_a_separator_that_cannot_separate_is_refused(separator: Any) -> None:
    """One character, and no line break."""
    with pytest.raises(ConfigurationError, match="one character"):
        ListCodec(separator=separator)


def test_codecs_are_compared_by_their_options() -> None:
    """However the paths were given."""
    assert ListCodec(columns=["a.b"]) == ListCodec(columns=(Path.parse("a.b"),))
    assert ListCodec(columns=["a.b"]) != ListCodec()
    assert len({ListCodec(columns=["a"]), ListCodec(columns=["a"]), ListCodec()}) == 2


@given(st.lists(st.lists(CELLS, min_size=2).map(ROWS.encode)))
def test_items_come_back_from_a_document(items: list[bytes]) -> None:
    """One row on a line."""
    assert list(ROWS.unpack(ROWS.pack(items))) == items


def test_an_empty_row_is_no_line() -> None:
    """It would be skipped when it is read."""
    with pytest.raises(EncodeError, match="empty"):
        ROWS.line(ROWS.encode([""]))
