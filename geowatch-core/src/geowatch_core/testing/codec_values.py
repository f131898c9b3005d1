"""Values and bytes to try codecs with."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from geowatch_core.path import Path

__all__ = ["ANYTHING", "ODD_BYTES", "bent", "brief", "paths_in", "same"]

_LONGEST: Final = 300
_BEYOND_64_BITS: Final = (2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30)

_LEAVES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(_BEYOND_64_BITS),
    st.floats(),
    st.text(st.characters(exclude_categories=()), max_size=20),  # with halves of surrogate pairs
    st.sampled_from(["", "null", "1", "\ufeff", "a\nb", "\r", "\t", "\x00", '"']),
    st.binary(max_size=10),
    st.sampled_from(
        [
            1j,
            decimal.Decimal("1.10"),
            datetime.date(2026, 11, 23),
            uuid.UUID(int=7),
            frozenset({1}),
            object,
            range(3),
        ]
    ),
)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


ANYTHING: Final[st.SearchStrategy[Any]] = st.one_of(
    st.recursive(
        _LEAVES,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.tuples(inner),
            st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=3),
        ),
        max_leaves=8,
    ),
    st.sampled_from([190, 260, 1_100]).map(_deep),
)
"""Whatever somebody may try to encode."""

_PIECES: Final = (
    b"",
    b"\x00",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"null",
    b"NaN",
    b'"\\ud800"',
    b"[",
    b"}",
    b",",
    b"-",
    b"00",
    b"99999999999999999999",
)


ODD_BYTES: Final = (*(bytes([value]) for value in range(256)), *_PIECES)
"""Each byte alone, and what is taken for something else: tried every time."""


@st.composite
def bent(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with a piece cut out and another put in its place: nearly right, which is worst."""
    whole = draw(data)
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(start + 4, len(whole))))
    piece = draw(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=2)))
    return whole[:start] + piece + (b"" if draw(st.booleans()) else whole[end:])


def paths_in(value: Any, most: int = 50) -> list[Path]:
    """The paths of what is inside a value, and one beside each that leads nowhere."""
    found: list[tuple[str, ...]] = [()]
    for steps in found:
        if len(found) > most:
            break
        inside = Path(steps).find(value)
        if isinstance(inside, Mapping):
            found += [(*steps, name) for name in inside if isinstance(name, str)]
        elif isinstance(inside, Sequence) and not isinstance(inside, str | bytes):
            found += [(*steps, str(index)) for index in range(len(inside))]
    return [Path(steps) for steps in (*found, *((*steps, "no-such") for steps in found[:5]))]


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal and of the same types: 1, 1.0 and True are three things.

    A tuple counts as a list, which is what comes back wherever the format has only one of them.
    """
    pairs = [(left, right)]
    for one, other in pairs:  # grows while it runs; recursion would fail on what nests deep
        if isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pairs += ((value, other[name]) for name, value in one.items())
        elif not _same_leaf(one, other):
            return False
    return True


def _same_leaf(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return repr(left) == repr(right)  # tells 0.0 from -0.0, and takes NaN for itself
    return bool(left == right)


def brief(value: Any) -> str:
    """A value for people to read."""
    try:
        text = repr(value)
    except RecursionError:
        return "a value that nests very deep"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
