"""JSON texts (RFC 8259) that keep what they carry: what would come back changed is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from geowatch_core.codecs import _explain
from geowatch_core.codecs._explain import MAX_DEPTH
from geowatch_core.errors import EncodeError

REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What msgspec raises for what it refuses."""

_TOGETHER: Final = 32  # so many messages of usual depth have fewer brackets than one too deep
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(c for c in range(256) if c not in b"[]{}")
_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")  # as MessagePack writes a float

_decode: Final = msgspec.json.Decoder().decode
_skip: Final = msgspec.json.Decoder(msgspec.Raw).decode
_encode: Final = msgspec.json.Encoder().encode
_encode_msgpack: Final = msgspec.msgpack.Encoder().encode


def parse(data: bytes) -> Any:
    """The value of one JSON text.

    Raises:
        DecodeError: not JSON, or Python has no value that keeps it, or it nests too deep.
    """
    value = parse_checked(data)
    if len(data) > 2 * MAX_DEPTH and too_deep(data):
        raise _explain.too_deep()
    return value


def parse_all(run: Sequence[bytes]) -> list[Any]:
    """``parse`` of each text; where nothing is wrong with any, all are checked at once.

    Raises:
        DecodeError: one of them is not JSON, or could not be kept.
    """
    parse_one = parse if suspects(run) else parse_checked
    return list(map(parse_one, run))


def parse_checked(data: bytes) -> Any:
    """The value of a JSON text that is not among the `suspects`.

    Raises:
        DecodeError: Python has no value that keeps it.
    """
    try:
        return _decode(data)
    except REFUSED as error:
        raise _explain.refusal(data, error) from error


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
    except (TypeError, *REFUSED) as error:
        raise _explain.unwritable(value, str(error)) from error
    if not same or _lost(value, data):
        raise _explain.unwritable(value, f"it would come back as {data[:100]!r}")
    return data


def write_all(values: Sequence[Any]) -> list[bytes]:
    """``write`` of each value; where nothing is wrong with any, all are checked at once.

    Raises:
        EncodeError: one of them would come back as something else.
    """
    try:
        written = list(map(_encode, values))
        packed = _encode_msgpack(values)
        same = bool(msgspec.to_builtins(values, str_keys=True) == values)
    except (TypeError, OverflowError, *REFUSED):
        same, written, packed = False, [], b""
    deep = any(too_deep(data) for data in written if len(data) > 2 * MAX_DEPTH)
    if same and not deep and not _NOT_FINITE.search(packed):
        return written
    return list(map(write, values))


def _lost(value: Any, data: bytes) -> bool:
    """Whether `data` could not be read back, or not as `value`, though the types are right."""
    if len(data) > 2 * MAX_DEPTH and too_deep(data):
        return True
    try:
        # That is a way to look at every number of `value` in C, at half of what JSON costs.
        packed = _encode_msgpack(value)
    except OverflowError:  # MessagePack has no integers beyond 64 bits; JSON has
        return not (_explain.finite(value) and _can_be_read(data))
    # JSON has a null for what is not finite, and MessagePack one of these bytes.
    if b"\x7f" not in packed and b"\xff" not in packed:
        return False
    return _NOT_FINITE.search(packed) is not None and not _explain.finite(value)


def _can_be_read(data: bytes) -> bool:
    try:
        _decode(data)
    except REFUSED:
        return False
    return True


def suspects(run: Sequence[bytes]) -> set[int]:
    """By index, the messages that a partial decode cannot vouch for.

    msgspec skips what it was not asked for without a look at its encoding or at how deep it nests.
    So these are looked at here: for the whole run at once by what costs next to nothing, and
    message by message only where that cannot tell.
    """
    # A line feed between two messages keeps the end of one from joining the start of the next.
    joined = b"\n".join(run)
    found: set[int] = set()
    if not (joined.isascii() or _is_utf8(joined)):
        found.update(i for i, data in enumerate(run) if not _is_utf8(data))
    if max(map(len, run), default=0) > 2 * MAX_DEPTH:
        for start in range(0, len(run), _TOGETHER):
            part = run[start : start + _TOGETHER]
            if _opening(b"".join(part)) > MAX_DEPTH:
                found.update(i for i, data in enumerate(part, start) if too_deep(data))
    return found


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _opening(data: bytes) -> int:
    """How many brackets open lists and objects, counted in a third of the time of bytes.count."""
    return 2 * len(data) - len(data.replace(b"[", b"")) - len(data.replace(b"{", b""))


def too_deep(data: bytes) -> bool:
    """Whether the JSON text `data` nests deeper than `MAX_DEPTH`."""
    if _opening(data) <= MAX_DEPTH:
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
        raise not_encoded(item, error) from error


def joined(items: Iterable[bytes]) -> bytes:
    """Items as they stand between the brackets of an array, one on a line.

    Raises:
        EncodeError: one is not JSON, and would make the array something else.
    """
    return b",\n".join(map(_checked, items))


def _checked(item: bytes) -> bytes:
    try:
        _skip(item)
    except REFUSED as error:
        raise not_encoded(item, error) from error
    return item


def not_encoded(item: bytes, error: Exception) -> EncodeError:
    """`item` was to be an encoded value, and is not."""
    return EncodeError(
        f"Not JSON: {error}", got=item, fix="Encode the value with this codec first."
    )
