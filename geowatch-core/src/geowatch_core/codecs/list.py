"""The `list` codec: a message is a row of cells, separated by tabs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs

from geowatch_core.codec import Codec
from geowatch_core.codecs import _json, _text
from geowatch_core.errors import ConfigurationError, DecodeError, EncodeError
from geowatch_core.options import option
from geowatch_core.path import MISSING, Path

__all__ = ["ListCodec"]

_MAYBE_JSON: Final = frozenset('-0123456789"[{tfn \t\r\n')  # what a JSON text may begin with
_WRITE_TABS: Final = "Replace it in a transform, choose another separator, or use codec='json'."


def _as_path(given: object) -> Path:
    if isinstance(given, Path):
        return given
    if isinstance(given, str):
        return Path.parse(given)
    raise ConfigurationError("A column is not a path", got=given, fix="Write it like properties.mag.")


def _as_columns(given: Any) -> tuple[Path, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        fix = 'Write columns = ["id", "properties.mag"].'
        raise ConfigurationError("columns is not a list of paths", got=given, fix=fix)
    columns = tuple(map(_as_path, given))
    for index, column in enumerate(columns):
        if not column.steps:
            fix = "Name a member of the value, like properties.mag."
            raise ConfigurationError("A column's path is empty", got=str(column), fix=fix)
        for other in (*columns[:index], *columns[index + 1 :]):
            if other.steps[: len(column.steps)] == column.steps:
                what = f"The column {column} holds all of the column {other}"
                raise ConfigurationError(what, got=given, fix="Leave one of them out.")
    _require_one_kind(columns)
    return columns


def _require_one_kind(columns: Sequence[Path]) -> None:
    """Refuse ``a.0`` beside ``a.b``: one thing cannot be a list and an object."""
    kinds: dict[tuple[str, ...], tuple[bool, Path]] = {}
    for column in columns:
        for at, step in enumerate(column.steps):
            is_index, first = kinds.setdefault(column.steps[:at], (step.isdecimal(), column))
            if is_index != step.isdecimal():
                what = f"{column} and {first} take one thing for a list and for an object"
                raise ConfigurationError(what, fix="Leave one of these columns out.")


def _is_separator(_: object, attribute: object, value: object) -> None:
    if not isinstance(value, str) or len(value) != 1 or value in '\r\n"' or not value.isprintable() and value != "\t":
        what = "separator is one character, and no line break or quotation mark"
        raise ConfigurationError(what, got=value, fix='Leave it out for a tab, or write ";".')


@attrs.frozen(kw_only=True)
class ListCodec(Codec):
    r"""Rows of tab-separated cells, without a quoting rule: a cell that would need one is refused.

    Without `columns` a value is a list of texts. With them it is an object of which each cell
    holds what is at one path, and reading builds it again from the paths:

    .. code-block:: python

        ListCodec(columns=["id", "properties.mag", "geometry.coordinates.0"])

    turns ``{"id": "us1", "properties": {"mag": 4.5}, "geometry": {"coordinates": [7.0]}}`` into
    ``us1``, ``4.5``, ``7.0`` and back. A cell is empty where there is nothing at its path. It is
    the JSON text of what is there (``4.5``, ``true``, ``null``, ``[1,2]``), or the text itself
    where it is a text: ``us1``. A text that would be read as JSON is written as JSON, in quotation
    marks: ``"4.5"``, ``""``. What no column names is left out.

    Args:
        separator: one character.
        columns: paths such as ``properties.mag``. A step that is a number counts items of a list
            from 0.
    """

    name: ClassVar[str] = "list"
    content_type: ClassVar[str] = "text/tab-separated-values; charset=utf-8"

    separator: str = option(
        "\t", doc="The one character between two cells.", validator=_is_separator
    )
    columns: tuple[Path, ...] = option(
        (), doc="Paths, one for each cell, such as properties.mag.", converter=_as_columns
    )

    def encode(self, value: Any) -> bytes:
        """The row.

        Raises:
            EncodeError: a cell would not come back as it is; names its column.
        """
        if self.columns:
            names = list(map(str, self.columns))
            cells = [self._cell(column, value) for column in self.columns]
            self._require_lists(value)
        else:
            cells = _texts(value)
            names = [str(index) for index in range(len(cells))]
        for name, cell in zip(names, cells, strict=True):
            self._require_separable(name, cell)
        return _text.encoded(self.separator.join(cells))

    def decode(self, data: bytes) -> Any:
        """The list of texts or, with columns, the object built from the cells.

        Raises:
            DecodeError: not UTF-8, or not as many cells as there are columns.
        """
        cells = _text.decoded(data).split(self.separator)
        if not self.columns:
            return cells
        if len(cells) != len(self.columns):
            raise DecodeError(
                f"A row has {len(cells)} cells where {len(self.columns)} columns are configured",
                got=data,
                fix="Name a column for each cell, and look at the separator.",
            )
        value: dict[str, Any] = {}
        for column, cell in zip(self.columns, cells, strict=True):
            if cell:
                inside = value
                for step in column.steps[:-1]:
                    inside = inside.setdefault(step, {})
                inside[column.steps[-1]] = _read(cell)
        return self._listed(value, ())

    def unpack(self, document: bytes) -> Iterator[bytes]:
        r"""The lines that are not empty; they may end with ``\n`` or ``\r\n``."""
        return _text.lines(document)

    def line(self, item: bytes) -> bytes:
        """The row itself.

        Raises:
            EncodeError: it is empty or has a line break in it.
        """
        return _text.checked_line(item)

    def _cell(self, column: Path, value: Any) -> str:
        found = column.find(value)
        if found is MISSING:
            return ""
        if isinstance(found, str) and not _reads_as_json(found):
            return found
        try:
            return _json.write(found).decode()
        except EncodeError as error:
            what = f"The column {column} cannot be written: {error.what}"
            raise EncodeError(what, got=found, fix=error.fix) from error

    def _require_separable(self, name: str, cell: str) -> None:
        for character, called in ((self.separator, "separator"), ("\n", "line"), ("\r", "line")):
            if character in cell:
                what = f"The column {name} has {character!r} in it, which ends a {called}"
                if character == self.separator:
                    what = f"The column {name} has the separator {character!r} in it"
                raise EncodeError(what, got=cell, fix=_WRITE_TABS)

    @property
    def _parents(self) -> Mapping[tuple[str, ...], bool]:
        """What columns lead through, and whether it is a list."""
        return {
            column.steps[:at]: column.steps[at].isdecimal()
            for column in self.columns
            for at in range(len(column.steps))
        }
