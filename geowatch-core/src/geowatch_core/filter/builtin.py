"""Filters from a configuration, and the JSON Schema of what may stand there."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Final

from geowatch_core.errors import DuplicateNameError, OptionsError
from geowatch_core.filter.base import Filter
from geowatch_core.filter.bbox import BBox
from geowatch_core.filter.comparison import Comparison
from geowatch_core.filter.compose import All, Any, Not
from geowatch_core.filter.kind import FILTER_REF, Kind, Parser

__all__ = ["BUILTIN_KINDS", "parse", "schema"]

BUILTIN_KINDS: Final[tuple[type[Kind], ...]] = (Comparison, BBox, All, Any, Not)
"""The kinds of filter that core brings along."""


def parse(
    config: typing.Any, *, kinds: Iterable[type[Kind]] = BUILTIN_KINDS, place: str = "filter"
) -> Filter:
    """The filter that a configuration asks for.

    Args:
        config: a table such as ``{"path": "properties.mag", "ge": 4.5}``, or a list of tables that
            must all be met.
        kinds: the kinds of filter that it may ask for, each by its head word.
        place: where in the configuration this stands; every mistake names its place.

    Raises:
        OptionsError: one or more things are wrong; it lists all of them.
        DuplicateNameError: two kinds have one head word.
    """
    parser = Parser(_by_name(kinds), place)
    found = parser.filter(config)
    if found is None or parser.mistakes:
        raise OptionsError("The filter is wrong", parser.mistakes)
    return found


def schema(*, kinds: Iterable[type[Kind]] = BUILTIN_KINDS) -> dict[str, typing.Any]:
    """JSON Schema of a filter in a configuration, for editors.

    Whoever puts it into a larger schema moves its ``$defs`` to the root of that.
    """
    several = {
        "description": "Keeps what meets every filter of the list.",
        "type": "array",
        "items": FILTER_REF,
        "minItems": 1,
    }
    known = [kind.schema() for kind in _by_name(kinds).values()]
    return {**FILTER_REF, "$defs": {"filter": {"anyOf": [*known, several]}}}


def _by_name(kinds: Iterable[type[Kind]]) -> dict[str, type[Kind]]:
    found: dict[str, type[Kind]] = {}
    for kind in kinds:
        other = found.setdefault(kind.name, kind)
        if other is not kind:
            where = " and ".join(f"{each.__module__}.{each.__qualname__}" for each in (other, kind))
            raise DuplicateNameError(
                f"Two kinds of filter have the head word {kind.name}: {where}",
                fix="Remove one of them, or give it another name.",
            )
    return found
