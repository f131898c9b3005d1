"""Why bytes are no JSON text that can be kept, and why a value cannot be written as one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from geowatch_core.errors import DecodeError, EncodeError
from geowatch_core.path import Path

MAX_DEPTH: Final = 200
"""How deep lists and objects may nest: what common encoders can write again (orjson: 254)."""

_MAX_DIGITS: Final = 4300
"""Of an integer, as the sign counts: what Python reads at most, since more would take too long."""

_CONVERT: Final = "Convert it to a JSON value: object, array, text, number, true, false or null."
_AS_TEXT: Final = "Write it as a text."
_TOO_LONG: Final = f"has more than {_MAX_DIGITS:,} digits"
_FLATTEN: Final = "Flatten it, or carry the inner part as a text."
_SURROGATES: Final = "has half of a surrogate pair in it, which UTF-8 cannot write"
_HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")
_WHERE: Final = re.compile(r"\(byte (\d+)\)")
_ENCODINGS: Final = {
    b"\xef\xbb\xbf": "a byte order mark",
    b"\xff\xfe": "the byte order mark of UTF-16",
    b"\xfe\xff": "the byte order mark of UTF-16",
}


def refusal(data: bytes, error: Exception) -> DecodeError:
    """Why msgspec refused `data` with `error`."""
    if not data.strip():
        return DecodeError("Nothing there to decode", got=data, fix="Filter empty messages out.")
    for mark, called in _ENCODINGS.items():
        if data.startswith(mark):
            fix = "Write the source in UTF-8 without a byte order mark."
            return DecodeError(f"Not JSON: it starts with {called}", got=data[:20], fix=fix)
    if b"\0" in data[:4]:
        fix = "Write the source in UTF-8 (iconv -f UTF-16 -t UTF-8)."
        return DecodeError("Not JSON in UTF-8: it looks like UTF-16", got=data[:20], fix=fix)
    if isinstance(error, RecursionError):
        return too_deep()
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        return DecodeError(
            f"Not JSON in UTF-8: byte {wrong.start} cannot stand there",
            got=data[max(wrong.start - 10, 0) : wrong.start + 10],
            fix="Write the source in UTF-8 (iconv -t UTF-8).",
        )
    return _malformed(data, str(error))


def _malformed(data: bytes, why: str) -> DecodeError:
    at = _WHERE.search(why)
    byte = int(at[1]) if at else None
    shown = data if byte is None else data[max(byte - 10, 0) : byte + 20]
    if byte is not None and data[byte : byte + 3] in (b"NaN", b"Inf"):
        fix = "Write null at the source; json.dumps has allow_nan=False to find it there."
        return DecodeError("JSON has no NaN and no Infinity", got=shown, fix=fix)
    if "Integer value out of range" in why:
        return DecodeError(f"An integer {_TOO_LONG}", got=shown, fix=_AS_TEXT)
    if "out of range" in why:
        return DecodeError("A number is larger than a 64-bit float holds", got=shown, fix=_AS_TEXT)
    # For half a pair at the end of a text, msgspec says that the input was truncated.
    if "surrogate" in why or ("truncated" in why and _HALF_PAIR.search(data.decode())):
        fix = r"Write \ufffd in its place."
        return DecodeError(f"A text {_SURROGATES}, or the input is truncated", got=shown, fix=fix)
    if "truncated" in why:
        fix = "Look whether the source was cut off, or is still being written."
        return DecodeError("Not JSON: it ends too early", got=data[-30:], fix=fix)
    fix = "Mend it at the source, or give the broker a dead letter for it."
    return DecodeError(f"Not JSON: {why.removeprefix('JSON is malformed: ')}", got=shown, fix=fix)


def too_deep() -> DecodeError:
    """It nests deeper than could be encoded again."""
    return DecodeError(f"Lists and objects nest deeper than {MAX_DEPTH}", fix=_FLATTEN)


def finite(value: Any) -> bool:
    """Whether every number in `value` is finite."""
    return not any(
        isinstance(leaf, float) and not float("-inf") < leaf < float("inf")
        for _, leaf in leaves(value)
    )


def unwritable(value: Any, why: str) -> EncodeError:
    """The first thing in `value` that JSON cannot keep; `why`, if none stands out."""
    for steps, leaf in leaves(value):
        if error := _unwritable_leaf(place(steps), leaf):
            return error
    return EncodeError("The value cannot be written as JSON", got=why, fix=_CONVERT)


def _unwritable_leaf(where: str, leaf: Any) -> EncodeError | None:
    if isinstance(leaf, dict | list | tuple):
        what = f"Lists and objects nest deeper than {MAX_DEPTH}, or hold themselves"
        return EncodeError(what, fix=_FLATTEN)
    if isinstance(leaf, _BadName):
        what = f"A member name of the object at {where} is not a text in Unicode"
        return EncodeError(what, got=leaf.name, fix="Use str(…) for it.")
    if not finite(leaf):
        what, fix = f"JSON has no number for the value at {where}", "Use None, or leave it out."
        return EncodeError(what, got=leaf, fix=fix)
    if isinstance(leaf, int) and abs(leaf) >= 10 ** (_MAX_DIGITS - 1):
        return EncodeError(f"The integer at {where} {_TOO_LONG}", fix=_AS_TEXT)
    if isinstance(leaf, str) and not _in_unicode(leaf):
        fix = "Take it out, or replace it by U+FFFD."
        return EncodeError(f"The text at {where} {_SURROGATES}", got=leaf, fix=fix)
    if leaf is None or isinstance(leaf, str | int | float):
        return None
    what = f"JSON has no type for the {type(leaf).__name__} at {where}"
    return EncodeError(what, got=leaf, fix=_CONVERT)


class _BadName:
    """An object's member name that is not a text."""

    def __init__(self, name: object) -> None:
        self.name = name


def _in_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def leaves(value: Any, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every place and value inside `value` that is neither list nor object, in order.

    What stands deeper than `MAX_DEPTH` is given as it is; for a member name that is no text, a
    leaf that says so.
    """
    if isinstance(value, dict) and len(steps) < MAX_DEPTH:
        for name, member in value.items():
            if isinstance(name, str) and _in_unicode(name):
                yield from leaves(member, (*steps, name))
            else:
                yield steps, _BadName(name)
    elif isinstance(value, list | tuple) and len(steps) < MAX_DEPTH:
        for index, member in enumerate(value):
            yield from leaves(member, (*steps, str(index)))
    else:
        yield steps, value


def place(steps: Sequence[str]) -> str:
    """A place for people to read."""
    return str(Path(tuple(steps))) or "the top"
