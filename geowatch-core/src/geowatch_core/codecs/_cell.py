"""Columns of the `list` codec: which paths, and how what is at a path becomes a cell and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from geowatch_core.codecs import _json
from geowatch_core.errors import ConfigurationError, DecodeError, EncodeError
from geowatch_core.path import MISSING, Path

Tree = dict[str, Any]  # of trees and, where a column ends, its index
"""Columns by their steps; at the end of each, its number in the row."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")  # as in `Path`
_MAYBE_JSON: Final = frozenset('-0123456789"[{tfn \t\r\n')  # what a JSON text may begin with


def as_columns(given: Any) -> tuple[Path, ...]:
    """Paths from their texts.

    Raises:
        ConfigurationError: not a list of paths, or no value could be built from them.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        fix = 'Write columns = ["id", "properties.mag"].'
        raise ConfigurationError("columns is not a list of paths", got=given, fix=fix)
    columns = tuple(map(_as_path, given))
    tree(columns)
    return columns


def _as_path(given: object) -> Path:
    path = Path.parse(given) if isinstance(given, str) else given
    if not isinstance(path, Path) or not path.steps:
        fix = "Write a member's path, like properties.mag."
        raise ConfigurationError("A column is not a path", got=given, fix=fix)
    return path


def tree(columns: Sequence[Path]) -> Tree:
    """The columns as what is to be built from them.

    Raises:
        ConfigurationError: one is inside another one, or takes a list for an object.
    """
    top: Tree = {}
    for number, column in enumerate(columns):
        inside = top
        for step in column.steps[:-1]:
            _require_same(inside, step, column, columns)
            deeper = inside.setdefault(step, {})
            if isinstance(deeper, int):
                raise _clash(columns[deeper], "holds all of", column)
            inside = deeper
        last = column.steps[-1]
        _require_same(inside, last, column, columns)
        if last in inside:
            raise _clash(column, "holds all of", columns[_first(inside[last])])
        inside[last] = number
    return top


def _require_same(inside: Tree, step: str, column: Path, columns: Sequence[Path]) -> None:
    if inside and is_list(inside) != _is_index(step):
        kinds = ("a list", "an object") if _is_index(step) else ("an object", "a list")
        how = f"takes for {kinds[0]} what is {kinds[1]} to"
        raise _clash(column, how, columns[_first(inside)])


def _clash(column: Path, how: str, other: Path) -> ConfigurationError:
    what = f"The column {column} {how} the column {other}"
    return ConfigurationError(what, fix="Leave one of them out.")


def _first(inside: Tree | int) -> int:
    while not isinstance(inside, int):
        inside = next(iter(inside.values()))
    return inside


def is_list(inside: Tree) -> bool:
    """Whether the steps here count items."""
    return _is_index(next(iter(inside)))


def _is_index(step: str) -> bool:
    return _INDEX.fullmatch(step) is not None


def written(column: Path, value: Any) -> str:
    """The cell of what `column` finds in `value`.

    Raises:
        EncodeError: JSON has no such value.
    """
    found = column.find(value)
    if found is MISSING:
        return ""
    if isinstance(found, str) and found and read(found) is found:
        return found
    try:
        return _json.write(found).decode()
    except EncodeError as error:
        what = f"The column {column} cannot be written. {error.what}"
        raise EncodeError(what, got=found, fix=error.fix) from error


def read(cell: str) -> Any:
    """What a cell holds: the value of a JSON text; the text itself, if it is none."""
    if cell[0] not in _MAYBE_JSON:
        return cell
    try:
        return _json.parse(cell.encode(errors="surrogatepass"))
    except DecodeError:
        return cell


def require_kind(inside: Tree, value: Any, where: tuple[str, ...] = ()) -> None:
    """Refuse what the columns would lose: an object taken for a list, a text for an object.

    Raises:
        EncodeError: `value` is not of the kind that the columns lead through.
    """
    if value is None or value is MISSING:
        return
    listed = is_list(inside)
    if not isinstance(value, list | tuple if listed else Mapping):
        called, kind = str(Path(where)) or "the value", "a list" if listed else "an object"
        what = f"The columns take {called} for {kind}, and it is {type(value).__name__}"
        raise EncodeError(what, got=value, fix="Mend the columns, or make it one in a transform.")
    for step, deeper in inside.items():
        if not isinstance(deeper, int):
            require_kind(deeper, Path((step,)).find(value), (*where, step))


def built(inside: Tree | int, cells: Sequence[str], where: tuple[str, ...] = ()) -> Any:
    """What the cells hold, put where their columns say; `MISSING` if all of them are empty.

    An object or a list with nothing but empty cells is null beside what has others.

    Raises:
        DecodeError: an item of a list without the one before.
    """
    if isinstance(inside, int):
        return read(cells[inside]) if cells[inside] else MISSING
    found = {step: built(deeper, cells, (*where, step)) for step, deeper in inside.items()}
    if all(value is MISSING for value in found.values()):
        return MISSING
    if is_list(inside):
        return _listed({int(step): value for step, value in found.items()}, inside, where)
    return {
        step: None if value is MISSING else value
        for step, value in found.items()
        if value is not MISSING or not isinstance(inside[step], int)
    }


def _listed(found: dict[int, Any], inside: Tree, where: tuple[str, ...]) -> list[Any]:
    items: list[Any] = []
    for index in range(1 + max(i for i, value in found.items() if value is not MISSING)):
        value = found.get(index, MISSING)
        if value is MISSING and isinstance(inside.get(str(index), 0), int):
            what = f"The list at {Path(where)} has a later item, but no item {index}"
            fix = f"Fill that cell, or name the column {Path((*where, str(index)))}."
            raise DecodeError(what, fix=fix)
        items.append(None if value is MISSING else value)
    return items
