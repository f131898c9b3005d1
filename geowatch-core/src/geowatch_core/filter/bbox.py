"""The filter by bounding box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, ClassVar, Final

import attrs

from geowatch_core.errors import ConfigurationError
from geowatch_core.filter.base import Columns, Filter
from geowatch_core.filter.kind import Kind, Parser, as_path
from geowatch_core.filter.words import numbers
from geowatch_core.path import MISSING, Path

__all__ = ["BBox"]

Range = tuple[float, float]

_FORM: Final = (
    "RFC 7946 §5: [west, south, east, north] in degrees, longitude before latitude, or"
    " [west, south, lowest, east, north, highest]."
)
_CROSSING: Final = (
    "RFC 7946 §5.2: a box across the antimeridian has its west greater than its east:"
    " [177, -20, -178, -16]."
)


def _box(box: Any) -> tuple[float, ...]:
    """The numbers of a bounding box; refuses what is none."""
    if not isinstance(box, list | tuple) or len(box) not in (4, 6):
        raise ConfigurationError("A bbox is a list of 4 or 6 numbers", got=box, fix=_FORM)
    if not (_numeric(box) and _finite(box)):
        raise ConfigurationError("A bbox has finite numbers only", got=box, fix=_FORM)
    low, high = box[: len(box) // 2], box[len(box) // 2 :]
    if not all(-90 <= x <= 90 for x in (low[1], high[1])):
        what = "A latitude of the bbox is beyond 90 degrees"
        raise ConfigurationError(what, got=box, fix=_FORM)
    if not all(-180 <= x <= 180 for x in (low[0], high[0])):
        what = "A longitude of the bbox is beyond 180 degrees"
        raise ConfigurationError(what, got=box, fix=_CROSSING)
    for name, lower, upper in zip(("south", "lowest"), low[1:], high[1:], strict=False):
        if lower > upper:
            above = {"south": "north", "lowest": "highest"}[name]
            what = f"The {name} of the bbox is greater than its {above}"
            raise ConfigurationError(what, got=box, fix=_FORM)
    return tuple(box)


@attrs.frozen
class BBox(Kind):
    """Keeps geometries that meet a bounding box: [west, south, east, north], as in RFC 7946 §5.

    A point meets the box if it is inside or on the border. Any other geometry meets it if its own
    bounding box does, that is the least and greatest of all its positions: nothing that is inside
    is lost, and something near may be kept. (A geometry that RFC 7946 §3.1.9 has cut at the
    antimeridian counts as going all the way round.)

    A box whose west is greater than its east crosses the antimeridian; 180 and -180 degrees are
    one meridian. Other longitudes are taken as they are written. With six numbers, heights count
    as well, as the third number of positions. The geometry's type is not looked at: that is the
    codec's business. Unknown are a missing, null or empty geometry, one with something in it that
    is no position, and, for a box with heights, one with a position that has none.

    Args:
        box: 4 or 6 numbers.
        path: where the geometry is.
    """

    name: ClassVar[str] = "bbox"
    words: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "bbox": {
            "type": "array",
            "items": {"type": "number"},
            "oneOf": [{"minItems": n, "maxItems": n} for n in (4, 6)],
        },
        "path": {"type": "string", "default": "geometry"},
    }

    box: tuple[float, ...] = attrs.field(converter=_box)
    path: Path = attrs.field(converter=as_path, default=Path(("geometry",)))
    _axes: int = attrs.field(init=False, eq=False, repr=False)
    _longitudes: tuple[Range, Range] = attrs.field(init=False, eq=False, repr=False)

    @_axes.default
    def _count(self) -> int:
        return len(self.box) // 2

    @_longitudes.default
    def _ranges(self) -> tuple[Range, Range]:
        """The longitudes within -180 and 180, as two ranges; the second may be empty."""
        west, east = self.box[0], self.box[self._axes]
        if west > east:
            return (west, 180), (-180, east)
        if east == 180:
            return (west, east), (-180, -180)
        if west == -180:
            return (west, east), (180, 180)
        return (west, east), (math.inf, -math.inf)

    @classmethod
    def from_config(cls, table: Mapping[str, Any], parser: Parser) -> Filter | None:
        """The filter, once its box and its path are good."""
        path = parser.at("path").make(as_path, table.get("path", "geometry"))
        found = parser.at("bbox").make(cls, table["bbox"])
        return None if path is None or found is None else attrs.evolve(found, path=path)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The members that hold positions; to decode all of a geometry costs nearly double."""
        return tuple(Path((*self.path.steps, member)) for member in _MEMBERS)

    def mask(self, columns: Columns) -> list[bool]:
        """Where the geometry meets the box."""
        return [verdict is True for verdict in self._verdicts(columns)]

    def inverse(self, columns: Columns) -> list[bool]:
        """Where there is a geometry, and it does not meet the box."""
        return [verdict is False for verdict in self._verdicts(columns)]

    def _verdicts(self, columns: Columns) -> Sequence[bool | None]:
        """Whether each meets the box; None where that is unknown."""
        coordinates, geometries = (columns[path] for path in self.paths)
        points = self._points(coordinates)
        if points is not None:
            return points
        # Something else is among them: the points still go together, and the rest one by one.
        flat = [
            type(each) in _LISTS and each and type(each[0]) not in _LISTS for each in coordinates
        ]
        points = self._points(list(compress(coordinates, flat)))
        if points is None:
            return list(map(self._verdict, coordinates, geometries))
        rest = iter(points)
        return [
            next(rest) if is_flat else self._verdict(*geometry)
            for is_flat, *geometry in zip(flat, coordinates, geometries, strict=True)
        ]

    def _points(self, column: Sequence[Any]) -> list[bool] | None:
        """Whether each is inside the box, or None unless every one is the position of a point."""
        axes = _transposed(column, self._axes)
        if axes is None:
            return None
        (west, east), (west2, east2) = self._longitudes
        south, north = self.box[1], self.box[self._axes + 1]
        inside = [
            # Latitude first: one comparison settles most positions.
            south <= y <= north and (west <= x <= east or west2 <= x <= east2)
            for x, y in zip(axes[0], axes[1], strict=True)
        ]
        if self._axes == 2:
            return inside
        low, high = self.box[2], self.box[5]
        return [meets and low <= z <= high for meets, z in zip(inside, axes[2], strict=True)]

    def _verdict(self, coordinates: Any, geometries: Any) -> bool | None:
        """Whether a geometry's own bounding box meets this one; None if it has none."""
        parts = _members(geometries) if _absent(coordinates) else [coordinates]
        found = None if parts is None else _positions(parts)
        axes = _transposed(found, self._axes) if found else None
        if axes is None:
            return None
        (west, east), *others = ((min(axis), max(axis)) for axis in axes)
        if not any(west <= e and east >= w for w, e in self._longitudes):
            return False
        bounds = zip(others, self.box[1:], self.box[self._axes + 1 :], strict=False)
        return all(low <= upper and high >= lower for (low, high), lower, upper in bounds)


_MEMBERS: Final = ("coordinates", "geometries")  # the second only of a GeometryCollection


_LISTS: Final = frozenset((list, tuple))


def _absent(value: Any) -> bool:
    return value is None or value is MISSING


def _numeric(values: Iterable[Any]) -> bool:
    types = set(map(type, values))
    return len(numbers(types)) == len(types)


def _finite(values: Iterable[Any]) -> bool:
    # An integer beyond every float is finite, but `isfinite` cannot say so.
    return all(math.isfinite(x) for x in values if isinstance(x, float))


def _transposed(positions: Sequence[Any], count: int) -> list[list[Any]] | None:
    """The first numbers of all positions, their second ones, and so on; None if one is none."""
    if not _LISTS.issuperset(map(type, positions)):
        return None
    try:
        axes = [[position[axis] for position in positions] for axis in range(count)]
    except IndexError:
        return None
    if not all(map(_numeric, axes)):
        return None
    try:
        # A sum is finite only if every summand is, and takes an eighth of the time of asking each.
        finite = math.isfinite(sum(map(sum, axes)))
    except OverflowError:
        finite = False
    return axes if finite or all(map(_finite, axes)) else None


def _members(geometries: Any) -> list[Any] | None:
    """The coordinates of every geometry of a collection, or None if it is not one."""
    todo, parts = [geometries], []
    for members in todo:  # which grows meanwhile
        if not isinstance(members, list | tuple):
            return None
        for member in members:
            if not isinstance(member, Mapping):
                return None
            if _absent(member.get("coordinates")):
                todo.append(member.get("geometries"))
            else:
                parts.append(member["coordinates"])
    return parts


def _positions(parts: list[Any]) -> list[Sequence[Any]] | None:
    """Every position in nested lists, or None if there is something else."""
    todo, found = parts, list[Sequence[Any]]()
    for item in todo:  # which grows meanwhile
        if not isinstance(item, list | tuple):
            return None
        if item and not isinstance(item[0], list | tuple):
            found.append(item)
        else:
            todo.extend(item)
    return found
