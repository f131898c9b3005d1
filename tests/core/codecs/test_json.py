"""The codec ``json``."""

import collections
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core.codecs import JsonCodec
from geowatch_core.errors import DecodeError, EncodeError
from tests.core.codecs import geo

JSON = JsonCodec()


class Level(enum.StrEnum):
    RED = "red"


class Plain(enum.Enum):
    RED = "red"


class Point(msgspec.Struct):
    x: int


def nested(depth: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@given(geo.values)
def test_any_json_value_comes_back(value: object) -> None:
    """And the standard library reads the same from the bytes."""
    data = JSON.encode(value)
    assert repr(JSON.decode(data)) == repr(value)
    assert repr(json.loads(data)) == repr(value)


@given(geo.values)
def test_what_others_write_is_read(value: object) -> None:
    """The standard library and orjson, with white space and without."""
    for data in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        assert repr(JSON.decode(data.encode())) == repr(value)
    assert repr(JSON.decode(orjson.dumps(value))) == repr(value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "Nothing there to decode"),
        (b" \n", "Nothing there to decode"),
        (b"\xef\xbb\xbf{}", "starts with a byte order mark"),
        ('{"a":1}'.encode("utf-16"), "byte order mark of UTF-16"),
        ('{"a":1}'.encode("utf-16-le"), "looks like UTF-16.*iconv"),
        (b'{"a":"caf\xe9"}', "byte 9 cannot stand there"),
        (b'{"a":"\xed\xa0\x80"}', "not JSON in UTF-8|Not JSON in UTF-8"),
        (b'{"a":1', "ends too early.*cut off"),
        (b'{"a":"x', "ends too early.*cut off"),
        (b'{"a":1}}', "trailing characters"),
        (b'{"a":1}\n{"a":2}', "trailing characters"),
        (b"{'a':1}", "Not JSON"),
        (b"[1,]", "trailing comma"),
        (b"[01]", "invalid number"),
        (b"[.5]", "Not JSON"),
        (b'["\t"]', "invalid character"),
        (b"[NaN]", "no NaN and no Infinity.*allow_nan=False"),
        (b"[-Infinity]", "no NaN and no Infinity"),
        (b"[1e999]", "larger than a 64-bit float holds"),
        (b"[-1e999]", "larger than a 64-bit float holds"),
        (b"9" * 4301, "integer has more than 4,300 digits.*as a text"),
        (b"[-" + b"9" * 4300 + b"]", "integer has more than 4,300 digits"),
        (b"[" * 300 + b"]" * 300, "deeper than 200.*Flatten"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "deeper than 200"),
        (b'["\\ud800"]', "half of a surrogate pair"),
        (b'["\\udc00 x"]', "half of a surrogate pair"),
        (b'["\\ud800\\u0041"]', "half of a surrogate pair"),
    ],
)
def test_bytes_that_could_not_be_kept_are_refused(data: bytes, says: str) -> None:
    """With what is wrong, where it can be seen, and what to do."""
    with pytest.raises(DecodeError, match=f"(?s){says}"):
        JSON.decode(data)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (math.nan, "no number for the value at the top .got nan"),
        ({"a": [None, math.inf]}, "no number for the value at a.1 .got inf"),
        ((-math.inf,), "no number"),
        ({"n": {"m": [10**4300]}}, "integer at n.m.0 has more than 4,300 digits.*as a text"),
        (-(10**4299), "integer at the top has more than 4,300 digits"),
        ([2**64, math.nan], "no number for the value at 1"),
        (nested(201), "deeper than 200"),
        (nested(5000), "deeper than 200"),
        ({1: 2}, "member name of the object at the top is not a text"),
        ({"a": {None: 2}}, "member name of the object at a is not a text"),
        ({"a": {1.5: 2}}, "not a text"),
        ({"\ud800": 1}, "not a text in Unicode"),
        (["x", "\udc00"], "text at 1 has half of a surrogate pair"),
        ({"when": datetime.datetime(2018, 2, 7, tzinfo=datetime.UTC)}, "datetime at when.*Convert"),
        ({"when": datetime.date(2018, 2, 7)}, "no type for the date at when"),
        ([decimal.Decimal("4.5")], "no type for the Decimal at 0"),
        ({"id": uuid.UUID(int=1)}, "no type for the UUID"),
        ({"data": b"x"}, "no type for the bytes"),
        ({"tags": {1, 2}}, "no type for the set"),
        (Plain.RED, "no type for the Plain"),
        (Point(1), "no type for the Point"),
        (object(), "no type for the object"),
        (range(3), "no type for the range"),
    ],
)
def test_a_value_that_would_come_back_as_something_else_is_refused(value: Any, says: str) -> None:
    """With the place in the value, and what to do."""
    with pytest.raises(EncodeError, match=f"(?s){says}"):
        JSON.encode(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    """Rather than written until memory ends."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(EncodeError, match="hold themselves"):
        JSON.encode(value)


@pytest.mark.parametrize(
    "value",
    [
        *(-(2**63), 2**64 - 1, 2**64, -(2**63) - 1, {"id": [10**30]}, 10**4300 - 1, 1 - 10**4299),
        *(1.7976931348623157e308, 5e-324, -0.0, 1.0),
    ],
)
def test_a_number_at_the_edge_comes_back(value: float) -> None:
    """Integers have all of their digits, and a whole float stays a float."""
    assert repr(JSON.decode(JSON.encode(value))) == repr(value)


def test_two_hundred_levels_come_back() -> None:
    """The deepest that is taken is taken both ways."""
    assert JSON.decode(JSON.encode(nested(200))) == nested(200)


def test_what_equals_a_json_value_is_written_as_one() -> None:
    """Subclasses of dict, str and int; and tuples, which come back as lists."""
    assert JSON.encode(collections.OrderedDict(a=1)) == b'{"a":1}'
    assert JSON.encode({Level.RED: Level.RED}) == b'{"red":"red"}'
    assert JSON.encode({"at": (1, (2, 3))}) == b'{"at":[1,[2,3]]}'


def test_of_two_members_with_one_name_the_last_counts() -> None:
    """As every common reader of JSON has it."""
    assert JSON.decode(b'{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}


def test_every_decode_gives_a_value_of_its_own() -> None:
    """Changing one does not change the other."""
    data = b'{"a":[1]}'
    JSON.decode(data)["a"].append(2)
    assert JSON.decode(data) == {"a": [1]}


@given(st.lists(geo.written(geo.values)))
def test_items_come_back_from_a_document(items: list[bytes]) -> None:
    """Byte for byte, and the document is one JSON array that others read."""
    document = JSON.pack(items)
    assert list(JSON.unpack(document)) == items
    assert repr(json.loads(document)) == repr([json.loads(item) for item in items])


def test_an_array_gives_its_items_as_they_are_written() -> None:
    """Numbers and white space inside them are left alone."""
    document = b' [ 1.50 , {"a" : 1E5},\n"\\u00e9"] \r\n'
    assert list(JSON.unpack(document)) == [b"1.50", b'{"a" : 1E5}', b'"\\u00e9"']


def test_a_document_that_is_no_array_is_its_own_item() -> None:
    """Without the white space around it."""
    assert list(JSON.unpack(b'\n {"a": [1]}\n')) == [b'{"a": [1]}']


@pytest.mark.parametrize("document", [b"", b"[1", b"[1,]", b'{"a":}', b"\xef\xbb\xbf[]", b"x"])
def test_a_document_that_is_not_json_is_refused(document: bytes) -> None:
    """Before it gives any item."""
    with pytest.raises(DecodeError):
        list(JSON.unpack(document))


@pytest.mark.parametrize("item", [b"1,2", b"1]", b"", b"nan"])
def test_an_item_that_is_not_json_is_not_packed(item: bytes) -> None:
    """It would become two items, or none."""
    with pytest.raises(EncodeError, match=r"Not JSON: .*Encode the value"):
        JSON.pack([b"1", item])


@given(geo.written(geo.values))
def test_a_line_is_the_same_value_without_line_breaks(item: bytes) -> None:
    """Whatever the white space was."""
    line = JSON.line(item)
    assert b"\n" not in line
    assert b"\r" not in line
    assert repr(json.loads(line)) == repr(json.loads(item))


def test_a_line_keeps_numbers_and_texts_as_they_are_written() -> None:
    """Only white space goes; without line breaks nothing does."""
    item = b'{"a": 1.000,\r\n "b": [1E5, "\\u0041\xc3\xa9 \\n"]\n}'
    assert JSON.line(item) == b'{"a":1.000,"b":[1E5,"\\u0041\xc3\xa9 \\n"]}'
    assert JSON.line(b'{"a": 1.000 }') == b'{"a": 1.000 }'


def test_a_line_of_what_is_not_json_is_refused() -> None:
    """Where it has line breaks that are to be taken out."""
    with pytest.raises(EncodeError, match="Not JSON"):
        JSON.line(b'{"a":\n}')
