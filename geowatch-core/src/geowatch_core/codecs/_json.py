"""JSON texts (RFC 8259) that keep what they carry: what would come back changed is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import add
from typing import Any, Final

import msgspec

from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.path import Path

MAX_DEPTH: Final = 200
"""How deep lists and objects may nest: what common encoders can write again (orjson: 254)."""

REFUSED: Final = (ValueError, RecursionError)
"""What msgspec raises for bytes that it refuses; its own errors are ValueErrors."""

_INTEGERS: Final = range(-(2**63), 2**64)
_SHORTEST_HUGE: Final = 19  # digits of 2**63, the smallest magnitude that may be out of range
_ZEROS: Final = b"0" * _SHORTEST_HUGE
_ZEROS_BY_THREES: Final = b"0" * (_SHORTEST_HUGE // 3)
_DIGITS_TO_ZERO: Final = bytes(0x30 if 0x30 <= c <= 0x39 else 0x2E for c in range(256))
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(c for c in range(256) if c not in b"[]{}")
_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")  # in MessagePack, eight bytes
_BYTE: Final = re.compile(r"\(byte (\d+)\)")

_decode: Final = msgspec.json.Decoder().decode
_decode_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_encode: Final = msgspec.json.Encoder().encode
_encode_msgpack: Final = msgspec.msgpack.Encoder().encode


def parse(data: bytes) -> Any:
    """The value of one JSON text.

    Raises:
        DecodeError: not JSON, or not to be kept in Python's values, or not to be encoded again.
    """
    try:
        value = _decode(data)
    except REFUSED as error:
        raise refusal(data, error) from error
    if len(data) > 2 * MAX_DEPTH and too_deep(data):
        raise _deep()
    if _ZEROS_BY_THREES in data[::3].translate(_DIGITS_TO_ZERO) and (huge := _huge(value)):
        place, got = huge
        raise DecodeError(
            f"The integer at {place} is beyond 64 bits: most readers would round it",
            got=got,
            fix="Write it as a text.",
        )
    return value


def raw(data: bytes) -> msgspec.Raw:
    """`data` as a JSON text of which only the grammar is checked.

    Raises:
        DecodeError: not JSON.
    """
    try:
        return _decode_raw(data)
    except REFUSED as error:
        raise refusal(data, error) from error


def write(value: Any) -> bytes:
    """The JSON text of `value`. Tuples are written as arrays, so they come back as lists.

    Raises:
        EncodeError: `value` would come back as something else.
    """
    try:
        data = _encode(value)
        # msgspec writes much that JSON has no type for (dates, bytes, sets, numbers as names);
        # what it made into something else is no longer equal.
        same = bool(msgspec.to_builtins(value, str_keys=True) == value)
    except (TypeError, ValueError, RecursionError, msgspec.EncodeError) as error:
        raise _unwritable(value, str(error)) from error
    if not same or _lost(value, data):
        raise _unwritable(value, "It would come back as something else")
    return data


def _lost(value: Any, data: bytes) -> bool:
    """Whether `data` is `value` but for infinity, integers beyond 64 bits, or too much depth."""
    if len(data) > 2 * MAX_DEPTH and too_deep(data):
        return True
    if _ZEROS_BY_THREES in data[::3].translate(_DIGITS_TO_ZERO) and _huge(value):
        return True
    # msgspec writes null for what is not finite, so a null in the text may be one of them.
    return b"null" in data and _NOT_FINITE.search(_encode_msgpack(value)) is not None and any(
        isinstance(leaf, float) and (leaf != leaf or leaf in (float("inf"), float("-inf")))
        for _, leaf in _leaves(value)
    )


def suspects(run: Sequence[bytes]) -> set[int]:
    """By index, the messages that a partial decode cannot vouch for.

    msgspec skips what it was not asked for without a look at its encoding, the size of its
    integers or its depth. Looked at here, for the whole run at once: what is cheap for all first,
    and only where that cannot tell, each message.
    """
    joined = b"\n".join(run)
    found: set[int] = set()
    if not (joined.isascii() or is_utf8(joined)):
        found.update(i for i, data in enumerate(run) if not is_utf8(data))
    # Of 19 digits in a row, at least 6 stand on every third byte.
    if _ZEROS_BY_THREES in joined[::3].translate(_DIGITS_TO_ZERO):
        found.update(i for i, data in enumerate(run) if _ZEROS in data.translate(_DIGITS_TO_ZERO))
    if max(map(len, run), default=0) > 2 * MAX_DEPTH:
        brackets = map(add, map(bytes.count, run, repeat(b"[")), map(bytes.count, run, repeat(b"{")))
        many = [i for i, count in enumerate(brackets) if count > MAX_DEPTH]
        found.update(i for i in many if too_deep(run[i]))
    return found


def is_utf8(data: bytes) -> bool:
    """Whether `data` is UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def too_deep(data: bytes) -> bool:
    """Whether the JSON text `data` nests deeper than `MAX_DEPTH`."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_of_texts = b"".join(data.split(b'"')[::2])
    brackets = outside_of_texts.translate(_SQUARE, _NOT_BRACKETS)
    # Each turn takes away the innermost pairs, which is one level of nesting.
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def one_line(item: bytes) -> bytes:
    """The JSON text `item` without line breaks; numbers and texts stay as they are written.

    Raises:
        EncodeError: `item` has line breaks and is not JSON.
    """
    if b"\n" not in item and b"\r" not in item:
        return item
    try:
        return msgspec.json.format(item, indent=-1)
    except REFUSED as error:
        raise EncodeError(
            f"Not JSON: {error}", got=item, fix="Encode the value with this codec first."
        ) from error


def array_body(items: Sequence[bytes] | Iterator[bytes]) -> bytes:
    """Items as they stand between the brackets of an array, one on a line."""
    return b",\n".join(items)


def _leaves(value: Any, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every place and value inside `value` that is neither list nor object, in order.

    An object's member name that is no text, and what nests too deep, is given as a leaf.
    """
    if isinstance(value, dict) and len(steps) < MAX_DEPTH:
        for name, member in value.items():
            if isinstance(name, str):
                yield from _leaves(member, (*steps, name))
            else:
                yield steps, _Name(name)
    elif isinstance(value, list | tuple) and len(steps) < MAX_DEPTH:
        for index, member in enumerate(value):
            yield from _leaves(member, (*steps, str(index)))
    else:
        yield steps, value


class _Name:
    """An object's member name that is not a text."""

    def __init__(self, name: object) -> None:
        self.name = name


def _huge(value: Any) -> tuple[str, int] | None:
    for steps, leaf in _leaves(value):
        if isinstance(leaf, int) and leaf not in _INTEGERS:
            return place(steps), leaf
    return None


def place(steps: Sequence[str]) -> str:
    """A place for people to read."""
    return str(Path(tuple(steps))) or "the top"


def _unwritable(value: Any, why: str) -> EncodeError:
    for steps, leaf in _leaves(value):
        if error := _unwritable_leaf(place(steps), leaf):
            return error
    return EncodeError("The value cannot be written as JSON", got=why, fix=_CONVERT)


_CONVERT: Final = "Convert it to a JSON value (object, array, text, number, true, false, null)."


def _unwritable_leaf(where: str, leaf: Any) -> EncodeError | None:
    if isinstance(leaf, dict | list | tuple):
        return _deep_value(where)
    if isinstance(leaf, _Name):
        return EncodeError(
            f"A member name of the object at {where} is not a text",
            got=leaf.name,
            fix="Use str(…) for it.",
        )
    if isinstance(leaf, float) and not -_LARGEST <= leaf <= _LARGEST:
        return EncodeError(
            f"JSON has no number for the value at {where}", got=leaf, fix="Use None, or leave it out."
        )
    if isinstance(leaf, int) and leaf not in _INTEGERS:
        return EncodeError(
            f"The integer at {where} is beyond 64 bits: most readers would round it",
            got=leaf,
            fix="Write it as a text.",
        )
    if isinstance(leaf, str) and not leaf.isascii():
        return _surrogate(where, leaf)
    if leaf is None or isinstance(leaf, str | int | float):
        return None
    return EncodeError(
        f"JSON has no type for the {type(leaf).__name__} at {where}", got=leaf, fix=_CONVERT
    )


_LARGEST: Final = 1.7976931348623157e308


def _surrogate(where: str, text: str) -> EncodeError | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return EncodeError(
            f"The text at {where} has half of a surrogate pair in it, which UTF-8 cannot write",
            got=text,
            fix="Take it out, or replace it by U+FFFD.",
        )
    return None
