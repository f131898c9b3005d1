"""A kind of filter that a configuration can ask for, and the parser that finds it."""

from __future__ import annotations

import functools
import operator
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, ParamSpec, TypeVar

import msgspec

from geowatch_core.errors import ConfigurationError, Mistake
from geowatch_core.filter.base import Filter
from geowatch_core.path import Path

__all__ = ["FILTER_REF", "Kind", "Parser", "as_path"]

P = ParamSpec("P")
T = TypeVar("T")

FILTER_REF = {"$ref": "#/$defs/filter"}
"""In the JSON Schema of a kind: here stands a filter of any kind."""


class Kind(Filter):
    """A filter that is written as a table in a configuration.

    Its head word, ``name``, says which kind a table is: ``{ bbox = [...] }``.

    Attributes:
        name: the head word; every table of this kind has it.
        words: every word that a table of this kind may have, ``name`` among them, each with the
            JSON Schema of its value.
    """

    name: ClassVar[str]
    words: ClassVar[Mapping[str, Mapping[str, Any]]]

    @classmethod
    @abstractmethod
    def from_config(cls, table: Mapping[str, Any], parser: Parser) -> Filter | None:
        """The filter that a table asks for.

        Args:
            table: has the head word; words that are not among ``words`` are reported already.
            parser: stands at the table; takes mistakes and reads filters within the filter.

        Returns:
            the filter, or None after reporting at least one mistake to `parser`.

        Raises:
            ConfigurationError: a mistake in the value of the head word; the caller reports it.
        """

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """JSON Schema of a table of this kind."""
        return {
            "description": (cls.__doc__ or "").partition("\n")[0],
            "type": "object",
            "properties": {word: dict(schema) for word, schema in cls.words.items()},
            "required": [cls.name],
            "additionalProperties": False,
        }


class Parser(msgspec.Struct, frozen=True):
    """Reads filters at one place of a configuration, and collects what is wrong there.

    Attributes:
        kinds: the kinds it knows, by head word.
        place: where in the configuration it stands, such as ``filter.all[1]``.
        mistakes: every mistake so far, of the whole configuration.
    """

    kinds: Mapping[str, type[Kind]]
    place: str
    mistakes: list[Mistake] = msgspec.field(default_factory=list)

    def at(self, key: str | int) -> Parser:
        """A parser one step further in, which reports to the same list."""
        if isinstance(key, int):
            return msgspec.structs.replace(self, place=f"{self.place}[{key}]")
        return msgspec.structs.replace(self, place=f"{self.place}.{key}" if self.place else key)

    def wrong(self, error: ConfigurationError) -> None:
        """Report a mistake at this place."""
        what = str(error).removesuffix(f" {error.fix}").removesuffix(".")
        self.mistakes.append(Mistake(self.place, what, error.fix))

    def make(self, build: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What `build` makes of the arguments, or None after reporting why it refuses them."""
        try:
            return build(*args, **kwargs)
        except ConfigurationError as error:
            self.wrong(error)
            return None

    def filter(self, config: Any) -> Filter | None:
        """The filter written here: a table, or a list of filters that must all be met."""
        if isinstance(config, list | tuple):
            filters = self.filters(config)
            return None if filters is None else functools.reduce(operator.and_, filters)
        kind = self.make(self._kind, config)
        if kind is None:
            return None
        for word in config:
            if word not in kind.words:
                self.at(str(word)).wrong(_unknown_word(word, kind))
        return self.at(kind.name).make(kind.from_config, config, self)

    def filters(self, config: Any) -> list[Filter] | None:
        """The filters of a list, or None after reporting what is wrong with them."""
        if not isinstance(config, list | tuple) or not config:
            fix = "Write it like [{ ... }, { ... }], or leave it out to keep every message."
            self.wrong(ConfigurationError("Expected a list of filters", got=config, fix=fix))
            return None
        found = [self.at(index).filter(item) for index, item in enumerate(config)]
        good = [item for item in found if item is not None]
        return good if len(good) == len(found) else None

    def _kind(self, table: Any) -> type[Kind]:
        if not isinstance(table, Mapping):
            raise ConfigurationError("Expected a filter", got=table, fix=_EXAMPLE)
        heads = [self.kinds[word] for word in table if word in self.kinds]
        for kind in heads:
            # `path` is a head word, and an option of `bbox`: the kind that takes both wins.
            if all(other.name in kind.words for other in heads):
                return kind
        if heads:
            names = " and ".join(kind.name for kind in heads)
            raise ConfigurationError(
                f"A table is one filter, and this one is {names} at once",
                fix=f"Give each a table of its own: all = [{{ {heads[0].name} = ... }}, ...].",
            )
        raise self._headless(table)

    def _headless(self, table: Mapping[Any, Any]) -> ConfigurationError:
        owners = [
            f"{word} belongs to a filter by {kind.name}: add {kind.name} = ..."
            for word in table
            for kind in self.kinds.values()
            if word in kind.words
        ]
        hints = [hint for word in table for hint in _nearest(word, self.kinds)]
        fix = " ".join([*(f"{owner}." for owner in owners[:1]), *hints[:1], _known(self.kinds)])
        what = "No word here says which kind of filter it is"
        return ConfigurationError(what, got=list(table), fix=fix)


def as_path(path: Any) -> Path:
    """A path, given as such or as its text; the converter of an attribute."""
    if isinstance(path, Path):
        return path
    if not isinstance(path, str):
        fix = 'Write it like "properties.mag".'
        raise ConfigurationError("A path is text", got=path, fix=fix)
    return Path.parse(path)


_EXAMPLE = 'Write it like { path = "properties.mag", ge = 4.5 }.'


def _unknown_word(word: Any, kind: type[Kind]) -> ConfigurationError:
    what = f"A filter by {kind.name} has no such word"
    fix = " ".join([*_nearest(word, kind.words), _known(kind.words)])
    return ConfigurationError(what, got=word, fix=fix)


def _nearest(word: Any, known: Iterable[str]) -> list[str]:
    # Two, because gte is as near to gt, which differs, as to ge, which is meant.
    import difflib

    near = difflib.get_close_matches(str(word), known, n=2)
    return [f"Did you mean {' or '.join(sorted(near))}?"] if near else []


def _known(words: Iterable[str]) -> str:
    return f"Known: {', '.join(sorted(words))}."
