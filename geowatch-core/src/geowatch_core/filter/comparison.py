"""Comparisons of the value at a path with a constant: ``where("properties.mag") >= 4.5``."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NoReturn

import attrs

from geowatch_core.errors import ConfigurationError
from geowatch_core.filter.base import Columns, Filter
from geowatch_core.filter.kind import Kind, Parser, as_path
from geowatch_core.filter.words import WORDS, Test
from geowatch_core.path import Path

__all__ = ["Comparison", "Property", "where"]


def _typed(value: Any) -> Any:
    """A constant that equals another only if the filter does: in Python, True == 1."""
    return tuple(map(_typed, value)) if isinstance(value, tuple) else (type(value) is bool, value)


@attrs.frozen
class Comparison(Kind):
    """Compares the value at a path with constants: eq ne lt le gt ge in not_in exists.

    Numbers compare with numbers and text with text: there is no other order, and what differs in
    type is not equal. True and false are not numbers. Null is unknown, like a missing path; only
    ``exists = false`` keeps either.

    Args:
        path: where the value is; a `Path` or its text.
        word: how to compare it.
        value: what to compare it with.
    """

    name: ClassVar[str] = "path"
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "path": {"type": "string"},
        **{word: meaning.schema for word, meaning in WORDS.items()},
    }

    path: Path = attrs.field(converter=as_path)
    word: str
    value: Any = attrs.field(eq=_typed)
    _mask: Test = attrs.field(init=False, eq=False, repr=False)
    _inverse: Test = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        meaning = WORDS.get(self.word)
        if meaning is None:
            known = f"Known: {', '.join(WORDS)}."
            raise ConfigurationError("No such comparison", got=self.word, fix=known)
        value = meaning.constant(self.word, self.value)
        made = {"value": value, "_mask": meaning.test(value), "_inverse": meaning.inverse(value)}
        for name, attribute in made.items():
            object.__setattr__(self, name, attribute)  # how attrs itself fills a frozen class

    @classmethod
    def from_config(cls, table: Mapping[str, Any], parser: Parser) -> Filter | None:
        """The comparisons of every word in the table; all of them must be met."""
        # With no path, any other will do to find what is wrong with the constants.
        path = parser.at("path").make(as_path, table["path"]) or Path(())
        words = [word for word in table if word in WORDS]
        if not words and table.keys() == {"path"}:
            known = f"Known: {', '.join(WORDS)}."
            raise ConfigurationError("Nothing to compare the path with", got=str(path), fix=known)
        found = [parser.at(word).make(cls, path, word, table[word]) for word in words]
        good = [comparison for comparison in found if comparison is not None]
        return functools.reduce(operator.and_, good) if good else None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """JSON Schema of a table: the path, and at least one comparison."""
        return super().schema() | {"minProperties": 2}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The one path."""
        return (self.path,)

    def mask(self, columns: Columns) -> list[bool]:
        """Where the value compares so."""
        return self._mask(columns[self.path])

    def inverse(self, columns: Columns) -> list[bool]:
        """Where there is a value that can be compared, and it does not compare so."""
        return self._inverse(columns[self.path])

    def __bool__(self) -> NoReturn:
        # `4 <= where("mag") < 5` and `f and g` would silently drop their first half.
        raise TypeError(
            "A comparison is neither true nor false before it sees a message. Combine filters with"
            ' &, | and ~: (where("mag") >= 4) & (where("mag") < 5).'
        )


def where(path: str | Path) -> Property:
    """The value at a path, to be compared: ``where("properties.mag") >= 4.5``."""
    return Property(path)


class Property:
    """The value at a path. Comparing it with a constant makes a filter.

    Args:
        path: a `Path` or its text.
    """

    __hash__ = None  # type: ignore[assignment]  # equality makes a filter and tells nothing

    def __init__(self, path: str | Path) -> None:
        self.path = as_path(path)

    def __eq__(self, value: object) -> Comparison:  # type: ignore[override]
        return Comparison(self.path, "eq", value)

    def __ne__(self, value: object) -> Comparison:  # type: ignore[override]
        return Comparison(self.path, "ne", value)

    def __lt__(self, value: str | float) -> Comparison:
        return Comparison(self.path, "lt", value)

    def __le__(self, value: str | float) -> Comparison:
        return Comparison(self.path, "le", value)

    def __gt__(self, value: str | float) -> Comparison:
        return Comparison(self.path, "gt", value)

    def __ge__(self, value: str | float) -> Comparison:
        return Comparison(self.path, "ge", value)

    def in_(self, values: Iterable[str | float]) -> Comparison:
        """Keeps what equals one of the constants."""
        return Comparison(self.path, "in", _listed(values))

    def not_in(self, values: Iterable[str | float]) -> Comparison:
        """Keeps what has a value that equals none of the constants."""
        return Comparison(self.path, "not_in", _listed(values))

    def exists(self) -> Comparison:
        """Keeps what has a value there other than null."""
        return Comparison(self.path, "exists", True)

    def __repr__(self) -> str:
        return f"where({str(self.path)!r})"


def _listed(values: Any) -> Any:
    return values if isinstance(values, str) or not isinstance(values, Iterable) else tuple(values)
