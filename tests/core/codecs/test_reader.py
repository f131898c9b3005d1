"""Readers find what decoding all of a message finds, and refuse what it refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from geowatch_core.codec import Codec, Reading
from geowatch_core.codecs import GeoJsonCodec, JsonCodec, ListCodec, PlainCodec
from geowatch_core.errors import DecodeError
from geowatch_core.path import MISSING, Path
from tests.core.codecs import geo

CODECS = [
    JsonCodec(),
    GeoJsonCodec(out_of_range="refuse"),
    GeoJsonCodec(out_of_range="accept"),
    PlainCodec(),
    ListCodec(columns=["id", "properties.mag"]),
]
PATHS = [
    "",
    "a",
    "a.b",
    "a.b.mag",
    "a.0",
    "0",
    "id",
    "id.x",
    "type",
    "type.x",
    "/",
    '/"',
    "/\\",
    "bbox",
    "features",
    "features.0.id",
    "title.a",
    "properties",
    "properties.mag",
    "properties.a.b",
    "properties.0",
    "properties.id",
    "geometry",
    "geometry.type",
    "geometry.type.x",
    "geometry.mag",
    "geometry.coordinates",
    "geometry.coordinates.0",
    "geometry.coordinates.x",
    "geometry.geometries",
    "geometry.geometries.0.type",
]
messages = st.one_of(
    geo.written(geo.geojson),
    geo.damaged(geo.written(geo.geojson)),
    geo.written(geo.values),
    geo.damaged(geo.written(geo.values)),
).filter(lambda data: not geo.overflows(data))


def one_by_one(codec: Codec, paths: Sequence[Path], run: Sequence[bytes]) -> Reading:
    """What decoding all of each message gives."""
    columns: tuple[list[Any], ...] = tuple([] for _ in paths)
    errors: dict[int, DecodeError] = {}
    for index, data in enumerate(run):
        try:
            value = codec.decode(data)
        except DecodeError as error:
            errors[index] = error
            continue
        for path, column in zip(paths, columns, strict=True):
            column.append(path.find(value))
    return Reading(columns, errors)


@pytest.mark.parametrize("codec", CODECS, ids=str)
@given(run=st.lists(messages, max_size=6), names=st.lists(st.sampled_from(PATHS), max_size=4))
@example(run=[], names=["a"])
@example(run=[b'{"type":"Feature","geometry":null,"properties":null}'], names=["properties.mag"])
@example(run=[b'{"a":{"b":1},"a":null}', b'{"a":null}', b"{}"], names=["a.b"])
@example(run=[b'{"a":"\xc3', b'\xa9"}', b'"\xc3\xa9"'], names=[])
@example(run=[b'{"a":1234567890', b"1234567890}"], names=[])
@example(run=[b"[1]", b"null", b'{"0":5}'], names=["0"])
@example(
    run=[b'{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}'],
    names=["geometry.coordinates", "geometry.geometries"],
)
def test_a_reader_agrees_with_decode(codec: Codec, run: list[bytes], names: list[str]) -> None:
    """For any run and any paths: the same refusals in the same words, the same values."""
    paths = [Path.parse(name) for name in names]
    reading = codec.reader(paths)(run)
    expected = one_by_one(codec, paths, run)
    assert {i: str(e) for i, e in reading.errors.items()} == {
        i: str(e) for i, e in expected.errors.items()
    }
    assert all(len(column) == len(run) for column in reading.columns)
    kept = [
        [value for index, value in enumerate(column) if index not in reading.errors]
        for column in reading.columns
    ]
    assert repr(kept) == repr(list(expected.columns))  # so 1 is not 1.0, nor True


@pytest.mark.parametrize("paths", [[], ["properties.mag"], ["geometry"], ["geometry.coordinates"]])
@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (b"1e999", "larger than a 64-bit float holds"),
        (b"9" * 4301, "more than 4,300 digits"),
    ],
    ids=["float", "integer"],
)
def test_a_number_that_is_too_large_is_refused_only_where_it_is_asked_for(
    paths: list[str], odd: bytes, says: str
) -> None:
    """The one difference between reading and decoding, as the docstrings say."""
    data = (
        b'{"type":"Feature","properties":{"mag":4,"odd":' + odd + b"},"
        b'"geometry":{"type":"Point","coordinates":[1,2]}}'
    )
    codec = GeoJsonCodec()
    with pytest.raises(DecodeError, match=says):
        codec.decode(data)
    assert codec.reader([Path.parse(path) for path in paths])([data]).errors == {}
    for asked in ("properties", "properties.odd"):
        assert list(codec.reader([Path.parse(asked)])([data]).errors) == [0]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30, 10**400])
def test_an_integer_beyond_64_bits_is_read_with_all_of_its_digits(number: int) -> None:
    """Asked for or not, and with the whole run decoded: nothing is rounded, nothing refused."""
    data = b'{"type":"Feature","id":%d,"properties":{"n":%d},"geometry":null}' % (number, number)
    codec = GeoJsonCodec()
    assert codec.reader([])([data]).errors == {}
    reading = codec.reader([Path.parse("id"), Path.parse("properties.n")])([data])
    assert (reading.errors, [*reading.columns]) == ({}, [[number], [number]])
    (value,) = codec.decode_all([data])
    assert (value["id"], value["properties"]["n"]) == (number, number)
    assert codec.encode_all([value]) == [codec.encode(value)]
    assert codec.decode(codec.encode(value)) == value


def test_a_column_holds_the_values_in_message_order() -> None:
    """Missing and null are told apart, and a refused message keeps its place."""
    run = [b'{"a":{"b":1}}', b'{"a":{"b":null}}', b"{", b'{"a":null}', b"{}", b'{"a":{"b":[2.0]}}']
    reading = JsonCodec().reader([Path.parse("a.b"), Path.parse("a.b.0")])(run)
    assert list(reading.errors) == [2]
    first, second = reading.columns
    assert [first[i] for i in (0, 1, 3, 4, 5)] == [1, None, MISSING, MISSING, [2.0]]
    assert [second[i] for i in (0, 1, 3, 4, 5)] == [MISSING, MISSING, MISSING, MISSING, 2.0]


@pytest.mark.parametrize(
    ("codec", "bad", "says"),
    [
        (JsonCodec(), b'{"x":"\xff"}', "UTF-8"),
        (JsonCodec(), b'{"x":' + b"[" * 300 + b"]" * 300 + b"}", "deeper than 200"),
        (JsonCodec(), b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", "deeper than 200"),
        (JsonCodec(), b'{"x":"\\ud800"}', "surrogate"),
        (JsonCodec(), b'{"x":NaN}', "NaN"),
        (GeoJsonCodec(), b'{"type":"Point","coordinates":[1]}', "§3.1.1"),
        (PlainCodec(), b"\xff", "UTF-8"),
    ],
)
@pytest.mark.parametrize("place", [0, 40, 99])
def test_what_nobody_asked_for_is_checked_all_the_same(
    codec: Codec, bad: bytes, says: str, place: int
) -> None:
    """One bad message in a run of a hundred is found where it is, and no other is blamed."""
    good = b'{"type":"Point","coordinates":[1,2],"note":"[[[\\"[[["}'
    run = [good] * place + [bad] + [good] * (99 - place)
    reading = codec.reader([])(run)
    assert list(reading.errors) == [place]
    assert says in str(reading.errors[place])


def test_a_reader_reads_the_same_from_real_earthquakes_as_orjson_does() -> None:
    """All of the week, by paths that lead into properties and geometry."""
    features = orjson.loads(geo.QUAKES.read_bytes())["features"]
    run = [orjson.dumps(feature) for feature in features]
    names = ["id", "properties.mag", "properties.place", "geometry.coordinates", "properties.felt"]
    reading = GeoJsonCodec(out_of_range="refuse").reader([Path.parse(name) for name in names])(run)
    assert reading.errors == {}
    assert reading.columns[0] == [f["id"] for f in features]
    assert reading.columns[1] == [f["properties"]["mag"] for f in features]
    assert reading.columns[2] == [f["properties"]["place"] for f in features]
    assert reading.columns[3] == [f["geometry"]["coordinates"] for f in features]
    assert reading.columns[4] == [f["properties"]["felt"] for f in features]


def test_a_deep_text_inside_strings_is_not_deep() -> None:
    """Brackets in texts do not count, escaped quotation marks and backslashes or not."""
    for text in ("[" * 500, '"' + "[" * 500, '\\"' + "[{" * 300, "\\\\" + "[" * 500):
        data = json.dumps({"x": [text], "a": text}).encode()
        assert JsonCodec().decode(data) == {"x": [text], "a": text}
        assert JsonCodec().reader([])([data]).errors == {}


@pytest.mark.parametrize(("depth", "good"), [(199, True), (200, True), (201, False), (400, False)])
def test_two_hundred_levels_are_the_deepest(depth: int, good: bool) -> None:
    """Of lists and objects in any mixture; wide is not deep."""
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
        levels, rest = divmod(depth, len(closing))
        data = ("[" * rest + opening * levels + "1" + closing * levels + "]" * rest).encode()
        wide = b'{"wide":[' + b"[]," * 500 + b"[]]}"
        assert list(JsonCodec().reader([])([data, wide]).errors) == ([] if good else [0])
        if not good:
            with pytest.raises(DecodeError, match="deeper than 200"):
                JsonCodec().decode(data)
