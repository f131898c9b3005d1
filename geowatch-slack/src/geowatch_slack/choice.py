"""One of several templates, and which messages it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from geowatch_core import MISSING, Filter, Mistake, OptionsError, Path, option
from geowatch_core.filter import parse
from geowatch_core.options import read
from geowatch_slack.blocks import Blocks
from geowatch_slack.template import Template

__all__ = ["Choice", "choices"]

_optional = attrs.converters.optional


def _when(given: object) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """By name, the values that are meant; one value stands for a list of it."""
    if isinstance(given, tuple):  # by this very function
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"Expected a table, got `{type(given).__name__}`")
    return tuple(
        (str(name), tuple(allowed) if _is_list(allowed) else (allowed,))
        for name, allowed in given.items()
    )


def _template(given: object) -> Template:
    return given if isinstance(given, Template) else Template.parse(given)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _filter(given: object) -> Filter:
    return given if isinstance(given, Filter) else parse(given, place="")


@attrs.frozen(kw_only=True)
class Choice:
    """A template for the messages that meet all that it asks for."""

    when: Any = option(
        (), doc="For each name, the values that member of metadata may have.", converter=_when
    )
    filter: Any = option(None, doc="A filter as a broker has it.", converter=_optional(_filter))
    template: Any = option(doc="The text, with places.", converter=_template)
    blocks: Any = option(None, doc="Blocks of Block Kit, with places.", converter=_optional(Blocks))

    def __hash__(self) -> int:
        return hash((Choice, self.template))  # a filter need not be hashable

    def takes(self, value: Any) -> bool:
        """Whether it is for a message of this value."""
        for name, allowed in self.when:
            found = Path(("metadata", name)).find(value)
            if found is MISSING or not any(_same(found, one) for one in allowed):
                return False
        if self.filter is None:
            return True
        columns = {path: [path.find(value)] for path in self.filter.paths}
        return bool(self.filter.mask(columns)[0])


def _same(found: Any, wanted: Any) -> bool:
    return type(found) is type(wanted) and bool(found == wanted)


def choices(given: object) -> tuple[Choice, ...]:
    """The templates of a list of tables.

    Raises:
        TypeError: not a list.
        OptionsError: lists every mistake in the tables.
    """
    if not _is_list(given):
        raise TypeError(f"Expected a list of tables, got `{type(given).__name__}`")
    found: list[Choice] = []
    mistakes: list[Mistake] = []
    for number, table in enumerate(given):  # type: ignore[arg-type, var-annotated]  # a list by now
        if isinstance(table, Choice):
            found.append(table)
        elif not isinstance(table, Mapping):
            fix = 'Write { when = { actiontype = "create" }, template = "…" }.'
            mistakes.append(Mistake(str(number), "is not a table", fix))
        else:
            try:
                found.append(read(Choice, table, str(number)))
            except OptionsError as error:
                mistakes += error.mistakes
    if mistakes:
        raise OptionsError("These templates cannot be used", mistakes)
    return tuple(found)
