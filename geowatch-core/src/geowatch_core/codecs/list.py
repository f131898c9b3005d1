"""The `list` codec: a message is a row of cells, separated by tabs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Final

import attrs

from geowatch_core.codec import Codec
from geowatch_core.codecs import _cell, _text
from geowatch_core.errors import ConfigurationError, DecodeError, EncodeError
from geowatch_core.options import option
from geowatch_core.path import MISSING, Path

__all__ = ["ListCodec"]

_ELSE: Final = "Replace it in a transform, choose another separator, or use codec='json'."


def _is_separator(_: object, attribute: object, value: object) -> None:
    if not isinstance(value, str) or len(value) != 1 or value in '\r\n"':
        what = "separator is one character, but no line break and no quotation mark"
        raise ConfigurationError(what, got=value, fix='Leave it out for a tab, or write ";".')


@attrs.frozen(kw_only=True)
class ListCodec(Codec):
    r"""Rows of tab-separated cells. A cell that has the separator in it is refused, not quoted.

    Without `columns` a value is a list of texts. With them it is an object, of which each cell
    holds what is at one path, and reading builds an object from the same paths:

    .. code-block:: python

        ListCodec(columns=["id", "properties.mag", "geometry.coordinates.0"])

    makes ``us1``, ``4.5``, ``7.0`` of ``{"id": "us1", "properties": {"mag": 4.5}, "geometry":
    {"coordinates": [7.0]}}``, and that again of the cells. What no column names is left out.

    A cell is empty if nothing is at its path. Otherwise it is the JSON text of what is there
    (``4.5``, ``true``, ``null``, ``[1,2]``), but for a text the text itself (``us1``), unless it
    would be read as JSON: ``"4.5"`` and ``""`` stand in quotation marks. An object or a list with
    nothing but empty cells is read as null beside others that are filled. A Feature comes back as
    a Feature if the columns name its ``type`` and its geometry's.

    Args:
        separator: one character.
        columns: paths such as ``properties.mag``; a step that is a number counts the items of a
            list from 0.
    """

    name: ClassVar[str] = "list"
    content_type: ClassVar[str] = "text/tab-separated-values; charset=utf-8"

    separator: str = option(
        "\t", doc="The one character between two cells.", validator=_is_separator
    )
    columns: tuple[Path, ...] = option(
        (), doc="Paths, one for each cell, such as properties.mag.", converter=_cell.as_columns
    )

    @cached_property
    def _tree(self) -> _cell.Tree:
        return _cell.tree(self.columns)

    def encode(self, value: Any) -> bytes:
        """The row.

        Raises:
            EncodeError: a cell would not come back as it is; names its column.
        """
        if self.columns:
            if value is None:
                raise EncodeError("A row of columns cannot be made of null", fix="Filter it out.")
            _cell.require_kind(self._tree, value)
            cells = [_cell.written(column, value) for column in self.columns]
        else:
            cells = _texts(value)
        for index, cell in enumerate(cells):
            self._require_separable(index, cell)
        return _text.encoded(self.separator.join(cells))

    def decode(self, data: bytes) -> Any:
        """The list of texts or, with columns, the object built from the cells.

        Raises:
            DecodeError: not UTF-8, a line break in it, or not as many cells as columns.
        """
        text = _text.decoded(data)
        if "\n" in text or "\r" in text:  # a row that could not be written again
            fix = "Make each line a message of its own, or use codec='plain'."
            raise DecodeError("A row has a line break in it", got=data, fix=fix)
        cells = text.split(self.separator)
        if not self.columns:
            return cells
        if len(cells) != len(self.columns):
            raise DecodeError(
                f"A row has {len(cells)} cells, and {len(self.columns)} columns are configured",
                got=data,
                fix="Look whether the separator is right, and name a column for each cell.",
            )
        value = _cell.built(self._tree, cells)
        return {} if value is MISSING else value

    def unpack(self, document: bytes) -> Iterator[bytes]:
        r"""The lines that are not empty; they may end with ``\n`` or ``\r\n``."""
        return _text.lines(document)

    def line(self, item: bytes) -> bytes:
        """The row itself.

        Raises:
            EncodeError: it is empty, or has a line break in it.
        """
        return _text.checked_line(item)

    def _require_separable(self, index: int, cell: str) -> None:
        for character in (self.separator, "\n", "\r"):
            if character in cell:
                called = f"column {self.columns[index]}" if self.columns else f"cell {index}"
                known = "separator" if character == self.separator else "line break"
                raise EncodeError(f"The {called} has a {known} in it", got=cell, fix=_ELSE)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not value:
        fix = "Configure columns, such as properties.mag, or make it a list in a transform."
        raise EncodeError("The codec list writes a list of one text or more", got=value, fix=fix)
    for index, cell in enumerate(value):
        if not isinstance(cell, str):
            fix = "Make it a str in a transform; None might be ''."
            raise EncodeError(f"The cell {index} is no text", got=cell, fix=fix)
    return list(value)
