"""The codec ``geojson``: what RFC 7946 demands, and no more."""

import copy
import json
import logging
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core.codecs import BUILTIN, GeoJsonCodec, geowatch_codecs
from geowatch_core.errors import ConfigurationError, DecodeError, EncodeError
from geowatch_core.path import Path
from tests.core.codecs import geo

GEOJSON = GeoJsonCodec(out_of_range="refuse")
LENIENT = GeoJsonCodec(out_of_range="accept")
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 0]]
POINT = {"type": "Point", "coordinates": [7, 47]}


def feature(geometry: Any = None, **members: Any) -> dict[str, Any]:
    """A Feature."""
    return {"type": "Feature", "geometry": geometry, "properties": {}} | members


def geometry(kind: str, coordinates: Any, **members: Any) -> dict[str, Any]:
    """A geometry."""
    return {"type": kind, "coordinates": coordinates} | members


def collected(*geometries: Any, **members: Any) -> dict[str, Any]:
    """A GeometryCollection."""
    return {"type": "GeometryCollection", "geometries": list(geometries)} | members


def features(*items: Any, **members: Any) -> dict[str, Any]:
    """A FeatureCollection."""
    return {"type": "FeatureCollection", "features": list(items)} | members


def without(value: dict[str, Any], member: str) -> dict[str, Any]:
    """`value` without a member."""
    return {name: inside for name, inside in value.items() if name != member}


GOOD = [
    POINT,
    geometry("Point", [7.5, 47, -12.5]),
    geometry("Point", [7, 47, 0, 1517966773840]),  # §3.1.1: more than three SHOULD NOT be
    geometry("Point", [180, -90]),
    geometry("MultiPoint", []),
    geometry("MultiPoint", [[0, 0], [1, 1, 1]]),
    geometry("LineString", [[0, 0], [1, 1]]),
    geometry("MultiLineString", [[[0, 0], [1, 1]]]),
    geometry("Polygon", [SQUARE]),
    geometry("Polygon", [SQUARE[::-1]]),  # §3.1.6: the right-hand rule SHOULD be followed
    geometry("Polygon", [[[0, 0], [1.5, 0], [1, 1], [0.0, 0]]]),
    geometry("Polygon", []),  # §3.1: empty coordinates may stand for null
    geometry("MultiPolygon", [[SQUARE], [SQUARE, SQUARE]]),
    collected(),
    collected(POINT, collected(POINT)),  # §3.1.8: nesting SHOULD be avoided
    feature(),
    feature(POINT),
    feature(collected(POINT)),
    feature(None, properties=None),
    feature(POINT, id="us1"),
    feature(POINT, id=7),
    feature(POINT, id=7.5),
    feature(POINT, crs={"type": "name"}),  # §4: no longer a member of GeoJSON, so a foreign one
    feature(POINT, title="foreign", bbox=[7, 47, 7, 47]),
    feature(geometry("Point", [7, 47], bbox=[7, 47, 7, 47], foreign=None)),
    feature(geometry("Point", [7, 47, 3]), bbox=[7, 47, 3, 7, 47, 3]),
    feature(bbox=[170, -10, -170, 10]),  # §5.2: across the antimeridian
    features(),
    features(feature(POINT), feature()),
    features(feature(POINT), feature(geometry("Point", [7, 47, 1])), bbox=[7, 47, 7, 47]),
    features(metadata={"count": 0}, bbox=[-179.6, -65.8, -2.7, 178.8, 83, 573.7]),
]
BAD = [
    ("2", [], "one GeoJSON object"),
    ("2", "Point", "one GeoJSON object"),
    ("2", None, "one GeoJSON object"),
    ("3", {}, "one of its nine types"),
    ("3", {"type": "Position"}, "one of its nine types"),
    ("3", {"type": "point", "coordinates": [7, 47]}, "in this case"),
    ("3", {"type": ["Point"]}, "one of its nine types"),
    ("3", {"type": None, "coordinates": [7, 47]}, "one of its nine types"),
    ("3.1", feature({"type": "Feature"}), "a geometry is an object of type"),
    ("3.1", feature({"coordinates": [7, 47]}), "at geometry"),
    ("3.1", feature({"type": "POINT", "coordinates": [7, 47]}), "case of the letters"),
    ("3.1", collected(None), "at geometries.0"),
    ("3.1", collected([7, 47]), "at geometries.0"),
    ("3.1", collected(feature(POINT)), "at geometries.0"),
    ("3.1.1", geometry("Point", [7]), "two or more numbers"),
    ("3.1.1", geometry("Point", []), "two or more numbers"),
    ("3.1.1", geometry("Point", ["7", "47"]), "two or more numbers"),
    ("3.1.1", geometry("Point", [7, None]), "two or more numbers"),
    ("3.1.1", geometry("Point", [True, False]), "two or more numbers"),
    ("3.1.1", geometry("Point", [7, 47, None]), "two or more numbers"),
    ("3.1.1", geometry("Point", [7, 47, 1, "m"]), "two or more numbers"),
    ("3.1.1", geometry("Point", [[7, 47]]), "two or more numbers"),
    ("3.1.1", geometry("MultiPoint", [7, 47]), "at coordinates.0"),
    ("3.1.1", feature(geometry("LineString", [[7, 47], [7]])), "at geometry.coordinates.1"),
    ("3.1.2", {"type": "Point"}, "coordinates of a Point are a position"),
    ("3.1.2", geometry("Point", None), "geometry: null"),
    ("3.1.2", geometry("Point", {"lon": 7, "lat": 47}), "are a position"),
    ("3.1.3", geometry("MultiPoint", "7,47"), "coordinates of a MultiPoint are"),
    ("3.1.4", geometry("LineString", [[7, 47]]), "two or more positions"),
    ("3.1.4", geometry("LineString", []), "two or more positions"),
    ("3.1.4", geometry("LineString", None), "coordinates of a LineString are"),
    ("3.1.4", geometry("MultiLineString", [[[7, 47]]]), "two or more positions"),
    ("3.1.4", geometry("MultiLineString", [None]), "two or more positions"),
    ("3.1.5", geometry("MultiLineString", {}), "coordinates of a MultiLineString are"),
    ("3.1.6", geometry("Polygon", [SQUARE[:3]]), "four or more positions"),
    ("3.1.6", geometry("Polygon", SQUARE), "Put each ring into an array"),
    ("3.1.6", geometry("Polygon", [[]]), "four or more positions"),
    ("3.1.6", geometry("Polygon", None), "coordinates of a Polygon are"),
    ("3.1.6", geometry("Polygon", [[*SQUARE[:3], [0, 0.1]]]), "closed.*Repeat the first"),
    ("3.1.6", geometry("Polygon", [[*SQUARE[:3], [0, 0, 0]]]), "closed"),
    ("3.1.6", geometry("Polygon", [SQUARE, [*SQUARE, [5, 5]]]), "at coordinates.1"),
    ("3.1.6", geometry("MultiPolygon", [[[*SQUARE, [5, 5]]]]), "at coordinates.0.0"),
    ("3.1.6", geometry("MultiPolygon", [None]), "array of linear rings"),
    ("3.1.7", geometry("MultiPolygon", None), "coordinates of a MultiPolygon are"),
    ("3.1.8", {"type": "GeometryCollection"}, "geometries of a GeometryCollection are an array"),
    ("3.1.8", {"type": "GeometryCollection", "geometries": POINT}, "Write .. if there are none"),
    (
        "3.2",
        without(feature(), "geometry"),
        "a Feature has a member geometry.*Write geometry: null",
    ),
    ("3.2", without(feature(), "properties"), "a Feature has a member properties"),
    ("3.2", feature([7, 47]), "an object or null; not so at geometry"),
    ("3.2", feature(False), "an object or null"),
    ("3.2", feature(properties=[]), "an object or null; not so at properties"),
    ("3.2", feature(properties=False), "an object or null; not so at properties"),
    ("3.2", feature(id=None), "the id of a Feature is a string or a number"),
    ("3.2", feature(id=True), "the id of a Feature"),
    ("3.2", feature(id={}), "the id of a Feature"),
    ("3.2", features(feature(), feature(id=[])), "at features.1.id"),
    ("3.3", {"type": "FeatureCollection"}, "features of a FeatureCollection are an array"),
    ("3.3", {"type": "FeatureCollection", "features": {}}, "are an array"),
    ("3.3", features(POINT), "is a Feature; not so at features.0.*Wrap a geometry"),
    ("3.3", features(feature(), None), "at features.1"),
    ("3.3", features(features()), "at features.0"),
    ("4", geometry("Point", [181, 0]), "beyond 180 or 90 at coordinates"),
    ("4", geometry("Point", [0, -90.5]), "latitude comes first"),
    ("4", geometry("Point", [2600000, 1200000]), "metres"),
    ("4", feature(geometry("Polygon", [[*SQUARE[:3], [0, 91], [0, 0]]])), "coordinates.0.3"),
    ("4", features(feature(), feature(geometry("MultiPoint", [[0, 0], [0, 99]]))), "features.1"),
    ("4", feature(bbox=[-181, 0, 0, 0]), "at bbox"),
    ("4", feature(bbox=[0, 0, 0, 99]), "at bbox"),
    ("5", feature(bbox=None), "two numbers for each dimension"),
    ("5", feature(bbox=[]), "two numbers for each dimension"),
    ("5", feature(bbox=[0, 0]), "two numbers for each dimension"),
    ("5", feature(bbox=[0, 0, 0, 0, 0]), "two numbers for each dimension"),
    ("5", feature(bbox=[0, 0, 0, "0"]), "two numbers for each dimension"),
    ("5", feature(POINT, bbox=[7, 47, 0, 7, 47, 0]), "as many dimensions.*They have 2"),
    ("5", feature(geometry("Point", [7, 47, 0]), bbox=[7, 47, 7, 47]), "They have 3"),
    ("5", features(feature(POINT), bbox=[7, 47, 0, 7, 47, 0]), "as many dimensions"),
    ("5", feature(bbox=[0, 10, 0, -10]), "south before its north"),
    ("5", geometry("Point", [7, 47], bbox=[7]), "two numbers for each dimension"),
    ("5", collected(POINT, bbox=[7, 47, 7]), "two numbers for each dimension"),
    ("7.1", feature(coordinates=[]), "a Feature has no member coordinates"),
    ("7.1", feature(geometries=[]), "a Feature has no member geometries"),
    ("7.1", feature(features=None), "a Feature has no member features"),
    ("7.1", features(coordinates=1), "a FeatureCollection has no member coordinates"),
    ("7.1", features(geometries=1), "no member geometries"),
    ("7.1", features(geometry=1), "no member geometry"),
    ("7.1", features(properties={}), "no member properties"),
    ("7.1", geometry("Point", [7, 47], geometry=0), "a Point has no member geometry"),
    ("7.1", feature(geometry("Point", [7, 47], properties={})), "at geometry.properties"),
    ("7.1", geometry("Polygon", [SQUARE], features=0), "a Polygon has no member features"),
    ("7.1", collected(properties=0), "a GeometryCollection has no member properties"),
]


@pytest.mark.parametrize("value", GOOD, ids=json.dumps)
def test_what_rfc_7946_allows_is_taken_and_comes_back(value: dict[str, Any]) -> None:
    """Foreign members and all, in the order they were written."""
    given = copy.deepcopy(value)
    data = GEOJSON.encode(value)
    assert repr(GEOJSON.decode(data)) == repr(value) == repr(given)
    assert repr(orjson.loads(data)) == repr(value)
    assert GEOJSON.reader([])([data]).errors == {}


@pytest.mark.parametrize(("section", "value", "says"), BAD)
def test_what_rfc_7946_forbids_is_refused_with_its_section(
    section: str, value: Any, says: str
) -> None:
    """Both ways, and by readers whatever they were asked for."""
    pattern = rf"(?s)^RFC 7946 §{section}: .*{says}"
    data = orjson.dumps(value)
    with pytest.raises(DecodeError, match=pattern) as decoding:
        GEOJSON.decode(data)
    with pytest.raises(EncodeError, match=pattern):
        GEOJSON.encode(value)
    for paths in ([], ["id"], ["properties.mag"], ["geometry"], ["geometry.coordinates"], [""]):
        errors = GEOJSON.reader([Path.parse(path) for path in paths])([data]).errors
        assert {i: str(error) for i, error in errors.items()} == {0: str(decoding.value)}


@given(geo.geojson)
def test_any_geojson_object_comes_back(value: dict[str, Any]) -> None:
    """As a dict that is equal, down to the types of its numbers."""
    assert repr(LENIENT.decode(LENIENT.encode(value))) == repr(value)
    assert repr(orjson.loads(LENIENT.encode(value))) == repr(value)


def test_tuples_of_coordinates_are_written_as_arrays() -> None:
    """As shapely gives them."""
    line = geometry("LineString", ((0.0, 0.0), (1.0, 1.0)))
    assert GEOJSON.encode(line) == b'{"type":"LineString","coordinates":[[0.0,0.0],[1.0,1.0]]}'


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf{}", b"[NaN]", b'{"a":1e999}', b"[" * 300, b""])
def test_what_the_codec_json_refuses_is_refused(data: bytes) -> None:
    """In its words."""
    with pytest.raises(DecodeError) as refusal:
        GEOJSON.decode(data)
    with pytest.raises(DecodeError) as same:
        BUILTIN["json"]().decode(data)
    assert str(refusal.value) == str(same.value)


def test_a_value_that_json_has_not_is_refused() -> None:
    """With its place."""
    with pytest.raises(EncodeError, match=r"no number for the value at properties\.mag"):
        GEOJSON.encode(feature(POINT, properties={"mag": float("nan")}))
    with pytest.raises(EncodeError, match=r"at geometry\.coordinates\.0"):
        GEOJSON.encode(feature(geometry("Point", [float("inf"), 0])))


OUTSIDE = orjson.dumps(feature(geometry("Point", [200, 47])))


def test_a_position_out_of_range_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """By default: it is accepted as it is, and a stream of them does not flood the log."""
    codec = GeoJsonCodec()
    with caplog.at_level(logging.DEBUG, "geowatch_core"):
        for _ in range(3):
            assert codec.decode(OUTSIDE) == orjson.loads(OUTSIDE)
        assert codec.reader([])([OUTSIDE]).errors == {}
        assert codec.encode(orjson.loads(OUTSIDE)) == OUTSIDE
    assert [r.levelname for r in caplog.records] == ["WARNING", *["DEBUG"] * 4]
    assert "RFC 7946 §4" in caplog.text
    assert "[200, 47]" in caplog.text


def test_a_position_out_of_range_is_accepted_in_silence_by_option(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """For data that is known to be odd."""
    with caplog.at_level(logging.DEBUG, "geowatch_core"):
        assert LENIENT.decode(OUTSIDE) == orjson.loads(OUTSIDE)
        assert LENIENT.reader([])([OUTSIDE]).errors == {}
    assert caplog.records == []


def test_an_unknown_choice_is_refused() -> None:
    """And codecs are compared by their choice."""
    with pytest.raises(ConfigurationError, match=r"'warn', 'refuse' or 'accept' .got 'ignore'"):
        GeoJsonCodec(out_of_range="ignore")  # type: ignore[arg-type]
    assert GeoJsonCodec() == GeoJsonCodec(out_of_range="warn") != GEOJSON
    assert hash(GeoJsonCodec()) == hash(GeoJsonCodec())


@pytest.mark.parametrize(("path", "count"), [(geo.QUAKES, 1707), (geo.COUNTRIES, 241)])
def test_real_data_is_taken_and_packed_without_a_byte_changed(path: Any, count: int) -> None:
    """A week of earthquakes, and every country of the world with its antimeridian."""
    document = path.read_bytes()
    items = list(GEOJSON.unpack(document))
    assert len(items) == count
    assert all(item in document for item in items)
    expected = orjson.loads(document)["features"]
    assert [GEOJSON.decode(item) for item in items] == expected
    assert GEOJSON.reader([])(items).errors == {}
    assert list(GEOJSON.unpack(GEOJSON.pack(items))) == items
    assert orjson.loads(GEOJSON.pack(items)) == {"type": "FeatureCollection", "features": expected}
    assert GEOJSON.decode(document)["features"] == expected


@given(st.lists(geo.written(geo.features)))
def test_items_come_back_from_a_document(items: list[bytes]) -> None:
    """Byte for byte, and the document is one FeatureCollection."""
    document = LENIENT.pack(items)
    assert list(LENIENT.unpack(document)) == items
    assert LENIENT.decode(document) == features(*map(json.loads, items))


def test_no_items_make_an_empty_collection() -> None:
    """Which is a document like any other."""
    assert GEOJSON.decode(GEOJSON.pack([])) == features()
    assert list(GEOJSON.unpack(GEOJSON.pack([]))) == []


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (POINT, r'Wrap it: \{"type": "Feature"'),
        (features(), "Unpack it where it is read"),
        ({"type": "Topology"}, "Make it a Feature"),
        ({"type": []}, "Make it a Feature"),
        ({}, "Make it a Feature"),
    ],
)
def test_what_is_no_feature_is_not_packed(item: Any, says: str) -> None:
    """The refusal says what to do instead."""
    with pytest.raises(EncodeError, match=rf"RFC 7946 §3\.3: .*{says}"):
        GEOJSON.pack([orjson.dumps(item)])


@pytest.mark.parametrize("item", [b"", b"{", b"[]", b'{"type":"Feature"},{"type":"Feature"}'])
def test_what_is_no_json_object_is_not_packed(item: bytes) -> None:
    """It would break the document."""
    with pytest.raises(EncodeError, match="Not JSON"):
        GEOJSON.pack([item])


def test_a_document_that_is_no_collection_is_its_own_item() -> None:
    """A Feature or a geometry alone in a file."""
    assert list(GEOJSON.unpack(b'\n{"type": "Point", "coordinates": [7.0, 47]}\n')) == [
        b'{"type": "Point", "coordinates": [7.0, 47]}'
    ]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "Nothing there"),
        (b'{"type":"FeatureCollection"}', "§3.3"),
        (b'{"type":"FeatureCollection","features":{}}', "§3.3"),
        (b'{"type":"FeatureCollection","features":[{}', "ends too early"),
        (b"[]", "§2"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
    ],
)
def test_a_document_that_is_no_geojson_is_refused(document: bytes, says: str) -> None:
    """Before it gives any item."""
    with pytest.raises(DecodeError, match=says):
        list(GEOJSON.unpack(document))


def test_a_bad_feature_among_good_ones_is_an_item_like_them() -> None:
    """So that it alone is refused when it is decoded, and the others go on."""
    items = list(GEOJSON.unpack(b'{"features":[{"type":"Feature"},7],"type":"FeatureCollection"}'))
    assert items == [b'{"type":"Feature"}', b"7"]
    assert list(GEOJSON.reader([])(items).errors) == [0, 1]


def test_a_line_keeps_numbers_as_they_are_written() -> None:
    """Only line breaks and the white space around them go."""
    item = b'{"type": "Point",\n "coordinates": [7.500, 4.7E1]}'
    assert GEOJSON.line(item) == b'{"type":"Point","coordinates":[7.500,4.7E1]}'


def test_four_codecs_are_registered_by_their_names() -> None:
    """And say what type of content they write."""
    assert [codec.name for codec in geowatch_codecs()] == ["plain", "list", "json", "geojson"]
    assert {name: codec().content_type for name, codec in BUILTIN.items()} == {
        "plain": "text/plain; charset=utf-8",
        "list": "text/tab-separated-values; charset=utf-8",
        "json": "application/json",
        "geojson": "application/geo+json",
    }
