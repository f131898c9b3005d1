"""Filters made of filters: all, any, not."""

from __future__ import annotations

import operator
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import attrs

from geowatch_core.errors import ConfigurationError
from geowatch_core.filter.base import Columns, Filter
from geowatch_core.filter.kind import FILTER_REF, Kind, Parser
from geowatch_core.path import Path

__all__ = ["All", "Any", "Not"]

Masks = Iterable[list[bool]]
_LIST = {"type": "array", "items": FILTER_REF, "minItems": 1}


def _filters(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    found = tuple(filters)
    if not found:
        # Whether none of nothing keeps every message or no message, readers would have to guess.
        fix = "Leave it out to keep every message."
        raise ConfigurationError("Nothing to combine: the list of filters is empty", fix=fix)
    return tuple(map(_filter, found))


def _filter(item: object) -> Filter:
    if isinstance(item, Filter):
        return item
    # & binds closer than >=, so that `f & where("mag") >= 4` asks for `f & where("mag")`.
    raise TypeError(
        f"Filters combine with filters only, not with {type(item).__name__}. "
        'Put a comparison in parentheses: f & (where("mag") >= 4).'
    )


@attrs.frozen
class _Several(Kind):
    filters: tuple[Filter, ...] = attrs.field(converter=_filters)

    @classmethod
    def from_config(cls, table: Mapping[str, typing.Any], parser: Parser) -> Filter | None:
        """The filter, once every filter of the list is one."""
        filters = parser.at(cls.name).filters(table[cls.name])
        return None if filters is None else cls(filters)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path of its filters, once."""
        return tuple(dict.fromkeys(path for part in self.filters for path in part.paths))


@attrs.frozen
class All(_Several):
    """Keeps what meets every one of its filters."""

    name: ClassVar[str] = "all"
    words: ClassVar[Mapping[str, Mapping[str, typing.Any]]] = {"all": _LIST}

    def mask(self, columns: Columns) -> list[bool]:
        """Where all are met."""
        return _every(part.mask(columns) for part in self.filters)

    def inverse(self, columns: Columns) -> list[bool]:
        """Where at least one is known not to be met, whatever the others are."""
        return _some(part.inverse(columns) for part in self.filters)

    def __and__(self, other: Filter) -> All:
        return All((*self.filters, other))


@attrs.frozen
class Any(_Several):
    """Keeps what meets at least one of its filters."""

    name: ClassVar[str] = "any"
    words: ClassVar[Mapping[str, Mapping[str, typing.Any]]] = {"any": _LIST}

    def mask(self, columns: Columns) -> list[bool]:
        """Where at least one is met, whatever the others are."""
        return _some(part.mask(columns) for part in self.filters)

    def inverse(self, columns: Columns) -> list[bool]:
        """Where all are known not to be met."""
        return _every(part.inverse(columns) for part in self.filters)

    def __or__(self, other: Filter) -> Any:
        return Any((*self.filters, other))


@attrs.frozen
class Not(Kind):
    """Keeps what is known not to meet its filter."""

    name: ClassVar[str] = "not"
    words: ClassVar[Mapping[str, Mapping[str, typing.Any]]] = {"not": FILTER_REF}

    filter: Filter = attrs.field(converter=_filter)

    @classmethod
    def from_config(cls, table: Mapping[str, typing.Any], parser: Parser) -> Filter | None:
        """The filter, once the one within is one."""
        found = parser.at("not").filter(table["not"])
        return None if found is None else cls(found)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths of its filter."""
        return self.filter.paths

    def mask(self, columns: Columns) -> list[bool]:
        """Where its filter is known not to be met."""
        return self.filter.inverse(columns)

    def inverse(self, columns: Columns) -> list[bool]:
        """Where its filter is met."""
        return self.filter.mask(columns)

    def __invert__(self) -> Filter:  # type: ignore[override]  # one Not fewer
        return self.filter


def _every(masks: Masks) -> list[bool]:
    return _merged(operator.and_, masks, decided=False)


def _some(masks: Masks) -> list[bool]:
    return _merged(operator.or_, masks, decided=True)


def _merged(merge: Callable[[bool, bool], bool], masks: Masks, *, decided: bool) -> list[bool]:
    """The masks merged into one; those after all messages are `decided` are not computed."""
    rest = iter(masks)
    merged = next(rest)
    while (not decided) in merged:
        mask = next(rest, None)
        if mask is None:
            break
        merged = list(map(merge, merged, mask))
    return merged
