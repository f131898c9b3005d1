"""What messages the kit sends: every byte, odd keys, odd headers, sizes at the limits."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeVar

from geowatch_core.message import Headers, Message
from geowatch_core.testing.verdict import ensure

__all__ = ["EVERY_BYTE", "HEADERS", "KEYS", "TIMES", "by_key", "ensure_times", "largest_sizes"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

EVERY_BYTE: Final = (
    *(b"<" + bytes([value]) + b">" for value in range(256)),
    bytes(range(256)),
    bytes(reversed(range(256))),
    "naïve — 東京 🌍".encode(),
    b"  blanks around  ",
    b"line\nline\r\n",
    b"line end\n",
    b"carriage return\r",
    b"\n",
    b"\x00",
    b"null",
    b'{"type":"Feature"}',
)
"""Each byte value in the middle, at either end and alone, and what is taken for something else."""

KEYS: Final = (None, b"key", "clé".encode(), b"with blank", b"\x00\xff", b"k" * 128)

HEADERS: Final[tuple[Headers, ...]] = (
    (),
    (("source", b"usgs"),),
    (("b", b"1"), ("a", b"2")),
    (("same", b"1"), ("same", b"2")),
    (("binary", bytes(range(256))), ("empty", b"")),
    (("Case", b"1"), ("case", b"2")),
)

TIMES: Final = (1_000_000_000.001, 1_700_000_000.0, 1_763_928_123.456)

_MILLISECOND = 0.0015
"""A millisecond, and what is lost by writing it as a float."""


def largest_sizes(largest: int) -> list[int]:
    """Sizes from nothing to the largest."""
    return sorted({size for size in (0, 1, largest // 2, largest - 1, largest) if size >= 0})


def by_key(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items of each key, in order."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def ensure_times(pairs: Iterable[tuple[Message, Message]]) -> None:
    """Refuse a time that arrived otherwise than sent."""
    __tracebackhide__ = True
    for sent, got in pairs:
        assert sent.time is not None  # noqa: S101 - for the type checker
        ensure(
            got.time is not None and abs(got.time - sent.time) < _MILLISECOND,
            f"The time {sent.time} arrived as {got.time}",
            expected="the event time to the millisecond, in seconds since 1970",
            fix="Send and set Message.time (mind milliseconds), or do not claim times=True.",
        )
