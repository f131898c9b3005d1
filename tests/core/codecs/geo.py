"""Values and bytes to try codecs with: JSON, GeoJSON, and what somebody's bad day makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path as File
from typing import Any, Final

from hypothesis import strategies as st

ROOT: Final = File(__file__).parents[3]
QUAKES: Final = ROOT / "examples" / "quakes" / "usgs-earthquakes-week.geojson"
COUNTRIES: Final = ROOT / "tests" / "data" / "countries-50m.geojson"

texts = st.text(st.characters(codec="utf-8"), max_size=8)
integers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([-(2**63), 2**63, 2**64 - 1, 10**18, 10**19]),
)
numbers = st.one_of(integers, st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects, some of whose names are those that the readers are asked for."""
    names = st.one_of(st.sampled_from(["a", "b", "mag", "type", "id", "", "0"]), texts)
    return st.dictionaries(names, values, max_size=4)


values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), objects(inner)), max_leaves=10
)

longitudes = st.one_of(st.floats(-180, 180), st.integers(-180, 180))
latitudes = st.one_of(st.floats(-90, 90), st.integers(-90, 90))
altitudes = st.floats(-10_000, 10_000)
positions = st.one_of(
    st.tuples(longitudes, latitudes),
    st.tuples(longitudes, latitudes, altitudes),
    st.tuples(longitudes, latitudes, altitudes, altitudes),
    st.tuples(st.floats(-400, 400), st.floats(-400, 400)),
).map(list)
lines = st.lists(positions, min_size=2, max_size=4)
rings = st.lists(positions, min_size=3, max_size=5).map(lambda ring: [*ring, ring[0]])
polygons = st.lists(rings, max_size=2)


def _geometry(kind: str, coordinates: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return coordinates.map(lambda given: {"type": kind, "coordinates": given})


simple_geometries = st.one_of(
    _geometry("Point", positions),
    _geometry("MultiPoint", st.lists(positions, max_size=3)),
    _geometry("LineString", lines),
    _geometry("MultiLineString", st.lists(lines, max_size=2)),
    _geometry("Polygon", polygons),
    _geometry("MultiPolygon", st.lists(polygons, max_size=2)),
)
geometries = st.recursive(
    simple_geometries,
    lambda inner: st.lists(inner, max_size=2).map(
        lambda given: {"type": "GeometryCollection", "geometries": given}
    ),
    max_leaves=4,
)
features = st.builds(
    lambda geometry, properties, extra: {
        "type": "Feature",
        "geometry": geometry,
        "properties": properties,
        **extra,
    },
    st.one_of(st.none(), geometries),
    st.one_of(st.none(), objects(values)),
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.one_of(texts, numbers),
            "crs": values,
            "title": values,
        },
    ),
)
collections = st.lists(features, max_size=3).map(
    lambda given: {"type": "FeatureCollection", "features": given}
)
geojson = st.one_of(features, features, geometries, collections)

_PIECES: Final = (
    b"",
    b"null",
    b"[",
    b"]",
    b"{}",
    b"[[0,0],[0,1]]",
    b"-",
    b"1",
    b"true",
    b'"x"',
    b'"features":[]',
    b'"type":"Point",',
    b'"bbox":[1,2,3,4],',
    b'"bbox":[0,0,0],',
    b'"geometry":null,',
    b'"properties":{"mag":1},',
    b'"coordinates":[1,2],',
    b'"id":null,',
    b",",
    b"NaN",
    b"9223372036854775808",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"0.12345678901234567890123",
    b"[" * 201 + b"]" * 201,
    b"[" * 170 + b"]" * 170,
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b"\x00",
    b"\n",
    b"\r\n ",
)
_FLOAT_OVERFLOW: Final = re.compile(rb"[eE]\+?[0-9]{3}|[0-9]{300}")


@st.composite
def written(draw: st.DrawFn, of: st.SearchStrategy[Any]) -> bytes:
    """A JSON text as some other program would write it."""
    value = draw(of)
    style = draw(st.sampled_from([(None, (",", ":")), (None, (", ", ": ")), (1, (",", ": "))]))
    indent, separators = style
    return json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=indent, separators=separators
    ).encode()


@st.composite
def damaged(draw: st.DrawFn, of: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of which a part was lost, repeated, or overwritten by something likely to confuse."""
    data = draw(of)
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.one_of(st.just(start), st.integers(start, len(data))))
        tokens = [m.span() for m in re.finditer(rb"[\[\]{}:,]|[^\[\]{}:,]+", data)]
        if tokens and draw(st.booleans()):  # whole tokens keep more of it valid
            start, end = draw(st.sampled_from(tokens))
        piece = draw(st.one_of(st.sampled_from(_PIECES), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


def overflows(data: bytes) -> bool:
    """Whether a number may be larger than a float holds: there readers and ``decode`` differ."""
    return _FLOAT_OVERFLOW.search(data) is not None
