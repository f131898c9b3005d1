"""Encoding and decoding a whole run at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core.codec import Codec
from geowatch_core.codecs import GeoJsonCodec, JsonCodec
from geowatch_core.errors import DecodeError, EncodeError
from tests.core.codecs import geo

UNWRITABLE: list[Any] = [
    float("nan"),
    10**4300,
    b"bytes",
    {1: "a"},
    {"a": [float("inf")]},
    "\ud800",
]
FEATURE: dict[str, Any] = {"type": "Feature", "properties": {}, "geometry": None}
NOT_CLOSED = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}


@given(st.lists(geo.values, max_size=5))
def test_a_run_of_json_is_encoded_as_each_value_alone(values: list[Any]) -> None:
    """The bytes are those that ``encode`` makes."""
    codec = JsonCodec()
    assert list(codec.encode_all(values)) == [codec.encode(value) for value in values]


@given(st.lists(geo.values, max_size=3), st.sampled_from(UNWRITABLE), st.integers(0, 3))
def test_one_bad_value_in_a_run_of_json_refuses_the_run(
    good: list[Any], bad: Any, place: int
) -> None:
    """What ``encode`` refuses is not written because of the company it is in."""
    with pytest.raises(EncodeError):
        JsonCodec().encode_all([*good[:place], bad, *good[place:]])


@pytest.mark.parametrize("codec", [JsonCodec(), GeoJsonCodec()], ids=lambda codec: codec.name)
def test_a_value_nested_too_deep_in_a_run_is_refused(codec: Codec) -> None:
    """The limit of 200 holds for each value of a run, wherever it stands."""
    deep: Any = []
    for _ in range(250):
        deep = [deep]
    with pytest.raises(EncodeError):
        codec.encode_all([FEATURE, {**FEATURE, "properties": {"deep": deep}}])


def test_a_run_of_geojson_is_encoded_as_each_value_alone() -> None:
    """Features, and objects of other types among them."""
    codec = GeoJsonCodec()
    values = [FEATURE, {"type": "Point", "coordinates": [1, 2]}, {**FEATURE, "id": 7, "foreign": 1}]
    assert list(codec.encode_all(values)) == [codec.encode(value) for value in values]


def test_what_rfc_7946_forbids_refuses_a_run_of_geojson() -> None:
    """With the section that ``encode`` cites."""
    with pytest.raises(EncodeError, match=r"RFC 7946 §3\.1\.6"):
        GeoJsonCodec().encode_all([FEATURE, {**FEATURE, "geometry": NOT_CLOSED}])


@given(st.lists(geo.values, max_size=5))
def test_a_run_of_json_is_decoded_as_each_text_alone(values: list[Any]) -> None:
    """The values are those that ``decode`` gives."""
    codec = JsonCodec()
    run = [codec.encode(value) for value in values]
    assert repr(list(codec.decode_all(run))) == repr([codec.decode(data) for data in run])


UNREADABLE = [b"not json", b"9" * 4301, b'"\xff"', b"[" * 250 + b"]" * 250, b"1e999", b""]


@given(st.lists(geo.values, max_size=3), st.sampled_from(UNREADABLE), st.integers(0, 3))
def test_one_bad_text_refuses_the_run(good: list[Any], bad: bytes, place: int) -> None:
    """What ``decode`` refuses is not let through because of the company it is in."""
    run = [JsonCodec().encode(value) for value in good]
    with pytest.raises(DecodeError):
        JsonCodec().decode_all([*run[:place], bad, *run[place:]])


def test_a_run_of_geojson_is_decoded_as_each_text_alone() -> None:
    """And what RFC 7946 forbids refuses the run."""
    codec = GeoJsonCodec()
    run = [
        JsonCodec().encode(value) for value in (FEATURE, {"type": "Point", "coordinates": [1, 2]})
    ]
    assert list(codec.decode_all(run)) == [codec.decode(data) for data in run]
    with pytest.raises(DecodeError, match=r"RFC 7946 §3\.1\.6"):
        codec.decode_all([*run, JsonCodec().encode(NOT_CLOSED)])
