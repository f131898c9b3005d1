"""Collects every mistake, where a plain ``try`` would stop at the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

import attrs
import msgspec

from geowatch_core.errors import GeoWatchError, Mistake, OptionsError
from geowatch_core.options import mistake, nearest

__all__ = ["Collector", "Homes", "at", "inside"]

P = ParamSpec("P")
T = TypeVar("T")

Homes = Mapping[str, str]
"""For each key that has a value, the place where that was written: here, or among defaults."""


def at(place: str, key: str) -> str:
    """The place of a key inside another place."""
    return f"{place}.{key}" if place else key


def inside(place: str, other: str) -> bool:
    """Whether a place is another one, or is inside it."""
    return not other or place == other or place.startswith((f"{other}.", f"{other}["))


@attrs.frozen
class Collector:
    """The mistakes found so far."""

    mistakes: list[Mistake] = attrs.field(factory=list)

    def add(self, place: str, what: str, fix: str = "") -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(place, what, fix))

    def attempt(
        self, place: str, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """What `act` returns, or None after noting why it refuses: here, or where it says."""
        try:
            return act(*args, **kwargs)
        except OptionsError as error:
            self.mistakes.extend(error.mistakes)
        except GeoWatchError as error:
            self.mistakes.append(mistake(place, error))
        return None

    def table(self, value: Any, place: str, example: str) -> Mapping[str, Any] | None:
        """`value` if it is a table, or None after noting that it is none."""
        if isinstance(value, Mapping):
            return value
        self.add(place, f"Expected a table, got {_kind(value)}", f"Write it like {example}.")
        return None

    def tables(self, value: Any, place: str, example: str) -> list[tuple[str, Mapping[str, Any]]]:
        """The tables of a list, with their places; what is none is noted."""
        if not isinstance(value, list | tuple):
            self.add(place, f"Expected a list, got {_kind(value)}", f"Write it like {example}.")
            return []
        found = [
            (f"{place}[{i}]", self.table(item, f"{place}[{i}]", example))
            for i, item in enumerate(value)
        ]
        return [(place, table) for place, table in found if table is not None]

    def unknown(self, keys: Iterable[Any], known: Iterable[str], place: str, what: str) -> None:
        """Note the keys that are not known."""
        known = set(known)
        for key in keys:
            if key not in known:
                self.add(at(place, str(key)), what, nearest(str(key), known))

    def moved(self, place: str, homes: Homes, found: Iterable[Mistake]) -> None:
        """Note mistakes of the table at `place`, each where its value was written."""
        for one in found:
            written = next(
                (
                    home + one.place.removeprefix(here)
                    for here, home in ((at(place, key), home) for key, home in homes.items())
                    if inside(one.place, here)
                ),
                one.place,
            )
            self.mistakes.append(msgspec.structs.replace(one, place=written))


def _kind(value: Any) -> str:
    """What a value is, in words that serve TOML and JSON."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number"}
    found = [word for kind, word in kinds.items() if isinstance(value, kind)]
    return found[0] if found else "nothing" if value is None else type(value).__name__
