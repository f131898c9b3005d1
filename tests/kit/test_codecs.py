"""Core's codecs keep what every codec promises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st

from geowatch_core.errors import EncodeError
from geowatch_core.testing import CodecKit, deviates
from geowatch_core.testing.codec_values import ANYTHING

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)

POSITIONS = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)


def _geometry(kind: str, coordinates: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind), "coordinates": coordinates})


LINES = st.lists(POSITIONS, min_size=2, max_size=4)
RINGS = st.lists(POSITIONS, min_size=3, max_size=5).map(lambda ring: [*ring, list(ring[0])])
GEOMETRIES = st.one_of(
    _geometry("Point", POSITIONS),
    _geometry("MultiPoint", st.lists(POSITIONS, max_size=3)),
    _geometry("LineString", LINES),
    _geometry("MultiLineString", st.lists(LINES, max_size=2)),
    _geometry("Polygon", st.lists(RINGS, min_size=1, max_size=2)),
)
COLLECTIONS = st.fixed_dictionaries(
    {"type": st.just("GeometryCollection"), "geometries": st.lists(GEOMETRIES, max_size=2)}
)
FEATURES = st.fixed_dictionaries(
    {
        "type": st.just("Feature"),
        "geometry": st.one_of(st.none(), GEOMETRIES, COLLECTIONS),
        "properties": st.one_of(
            st.none(),
            st.fixed_dictionaries({"mag": st.floats(0, 10)}, optional={"place": JSON, "": JSON}),
        ),
    },
    optional={"id": st.one_of(TEXTS, st.integers(0, 10**9)), "foreign": JSON},
)

ODD_JSON = st.sampled_from(
    [
        b"NaN",
        b"[Infinity]",
        b'{"a":1e999}',
        b'{"properties":{"mag":1e999}}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'"\\ud800"',
        b'{"a":1,"a":2}',
        b"18446744073709551616",
        b'{"deep":' + b"[" * 201 + b"]" * 201 + b"}",
        b'{"deep":' + b"[" * 199 + b"]" * 199 + b"}",
        b'{"properties":{"mag":18446744073709551616}}',
        b'{"properties":[1,2],"0":[]}',
        b'"\xff"',
        b'{"a":"\xc3"}',
        b" { } ",
        b"{}{}",
        b"01",
        b"-",
        b"",
    ]
)


BEYOND_A_FLOAT = re.compile(rb"[eE]\+?[0-9]{3}|[0-9]{300}")
UNSEEN = "a reader does not look at a number larger than a float (1e999) that nobody asked for"


class TestPlain(CodecKit):
    codec = "plain"

    def values(self) -> st.SearchStrategy[Any]:
        """Any text."""
        return TEXTS


class TestJson(CodecKit):
    codec = "json"

    def values(self) -> st.SearchStrategy[Any]:
        """Whatever JSON has."""
        return JSON

    def bad(self) -> st.SearchStrategy[bytes]:
        """Anything, and what other parsers take."""
        return st.one_of(st.binary(max_size=100), ODD_JSON)

    @deviates("test_a_reader_agrees_with_decode", reason=UNSEEN)
    def test_a_reader_agrees_with_decode(self) -> None:
        """A reader finds and refuses what decode does, but for numbers beyond a float."""
        self._reads_alike(lambda data: not BEYOND_A_FLOAT.search(data))


class TestGeoJson(CodecKit):
    codec = "geojson"
    others = ({"name": "geojson", "out_of_range": "refuse"},)

    def values(self) -> st.SearchStrategy[Any]:
        """Features, and now and then a geometry."""
        return st.one_of(FEATURES, FEATURES, GEOMETRIES)

    def bad(self) -> st.SearchStrategy[bytes]:
        """Anything, and JSON that is no GeoJSON."""
        return st.one_of(
            st.binary(max_size=100),
            ODD_JSON,
            st.sampled_from(
                [
                    b'{"type":"Feature"}',
                    b'{"type":"Feature","geometry":null,"properties":[]}',
                    b'{"type":"Point","coordinates":[1]}',
                    b'{"type":"Point","coordinates":[181,2]}',
                    b'{"type":"Point","coordinates":["1","2"]}',
                    b'{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}',
                    b'{"type":"FeatureCollection","features":[{}]}',
                    b'{"type":"Quake"}',
                ]
            ),
        )

    @deviates("test_a_reader_agrees_with_decode", reason=UNSEEN)
    def test_a_reader_agrees_with_decode(self) -> None:
        """A reader finds and refuses what decode does, but for numbers beyond a float."""
        self._reads_alike(lambda data: not BEYOND_A_FLOAT.search(data))


class TestList(CodecKit):
    codec = "list"
    others = ({"name": "list", "separator": ";"}, {"name": "list", "columns": ["id"]})

    def values(self) -> st.SearchStrategy[Any]:
        """Rows of cells without a tab or a line break."""
        cells = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"), max_size=8)
        return st.lists(cells, min_size=1, max_size=4)


class TestListWithColumns(CodecKit):
    codec: ClassVar[Mapping[str, Any]] = {
        "name": "list",
        "columns": ["id", "properties.mag", "at.0", "at.1"],
        "separator": ";",
    }

    def values(self) -> st.SearchStrategy[Any]:
        """Objects of just those columns."""
        words = st.text(st.characters(codec="utf-8", exclude_characters=";\r\n"), max_size=8)
        return st.fixed_dictionaries(
            {
                "id": st.one_of(words, st.integers(-(2**63), 2**63)),
                "properties": st.fixed_dictionaries({"mag": st.floats(0, 10)}),
                "at": st.lists(st.floats(-180, 180), min_size=2, max_size=2),
            }
        )

    @deviates(
        "test_what_cannot_come_back_is_refused",
        reason="the columns choose what of a value is carried: the rest is left out, as asked for",
    )
    def test_what_cannot_come_back_is_refused(self) -> None:
        """What a row was made of gives the same row again, whatever the columns left out of it."""

        @settings(max_examples=60, deadline=None)
        @given(ANYTHING)
        def law(value: Any) -> None:
            try:
                row = self.made.encode(value)
            except EncodeError:
                return
            assert self.made.encode(self.made.decode(row)) == row

        law()
