"""What RFC 7946 asks of a GeoJSON object, rule by rule: the one place that decides.

``_shapes`` knows the common case at the speed of C; what it does not accept comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

GEOMETRIES: Final = (
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)
FORBIDDEN: Final[Mapping[str, tuple[str, ...]]] = {
    "Feature": ("coordinates", "geometries", "features"),
    "FeatureCollection": ("coordinates", "geometries", "geometry", "properties"),
    **dict.fromkeys(GEOMETRIES, ("geometry", "properties", "features")),
}
"""By type, the members that define another type and so may not be there (§7.1)."""

_TYPES: Final = f"Write one of Feature, FeatureCollection, {', '.join(GEOMETRIES)}, in this case."
_UNLOCATED: Final = "A Feature that has no place has geometry: null (§3.2)."
_POSITION: Final = "Write [longitude, latitude] or [longitude, latitude, altitude]."
_BBOX: Final = "Write [west, south, east, north], or [west, south, low, east, north, high]."


class BrokenRuleError(Exception):
    """A rule that is broken: with its section, where, with which value, and how to mend it."""

    def __init__(self, section: str, rule: str, where: str, got: object, fix: str) -> None:
        self.what = f"RFC 7946 §{section}: {rule}; not so at {where or 'the top'}"
        self.got = got
        self.fix = fix
        super().__init__(self.what)


class Check:
    """One walk through a GeoJSON object.

    Attributes:
        outside: where the first position stands that is nowhere on Earth, and what it is.
    """

    def __init__(self) -> None:
        self.outside: tuple[str, object] | None = None
        self._coordinates: Mapping[str, tuple[str, str, Callable[[Any, str], None]]] = {
            "Point": ("3.1.2", "a position", self._position),
            "MultiPoint": ("3.1.3", "an array of positions", _each(self._position)),
            "LineString": ("3.1.4", "an array of positions", self._line),
            "MultiLineString": ("3.1.5", "an array of arrays of positions", _each(self._line)),
            "Polygon": ("3.1.6", "an array of linear rings", _each(self._ring)),
            "MultiPolygon": ("3.1.7", "an array of Polygons' coordinates", _each(self._polygon)),
        }

    def text(self, value: Any) -> None:
        """Check a whole GeoJSON text.

        Raises:
            BrokenRuleError: the first rule that it breaks.
        """
        if not isinstance(value, dict):
            rule = "a GeoJSON text is one GeoJSON object"
            raise BrokenRuleError(
                "2", rule, "", value, "Wrap it in a Feature, or use codec='json'."
            )
        match value.get("type"):
            case "FeatureCollection":
                self._collection(value)
            case "Feature":
                self._feature(value, "")
            case str(kind) if kind in GEOMETRIES:
                self._geometry(value, "")
            case kind:
                rule = "the type of a GeoJSON object is one of its nine types"
                raise BrokenRuleError("3", rule, "type", kind, _TYPES)

    def _collection(self, value: dict[str, Any]) -> None:
        features = value.get("features")
        if not isinstance(features, list | tuple):
            rule = "the features of a FeatureCollection are an array"
            raise BrokenRuleError("3.3", rule, "features", features, "Write [] if there are none.")
        for index, feature in enumerate(features):
            where = f"features.{index}"
            if not isinstance(feature, dict) or feature.get("type") != "Feature":
                rule = "each of the features of a FeatureCollection is a Feature"
                raise BrokenRuleError("3.3", rule, where, feature, "Wrap a geometry in a Feature.")
            self._feature(feature, where)
        self._members(value, "")

    def _feature(self, value: dict[str, Any], where: str) -> None:
        for member in ("geometry", "properties"):
            given = value.get(member, False)
            if given is not None and not isinstance(given, dict):
                rule = f"a Feature has a member {member}, an object or null"
                fix = f"Write {member}: null if there is none."
                raise BrokenRuleError("3.2", rule, _at(where, member), value.get(member), fix)
        if value["geometry"] is not None:
            self._geometry(value["geometry"], _at(where, "geometry"))
        name = value.get("id", "")
        if not (isinstance(name, str) or _is_number(name)):
            rule = "the id of a Feature is a string or a number"
            raise BrokenRuleError(
                "3.2", rule, _at(where, "id"), name, "Leave it out if there is none."
            )
        self._members(value, where)

    def _geometry(self, value: Any, where: str) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not (isinstance(kind, str) and kind in GEOMETRIES):
            rule = f"a geometry is an object of type {', '.join(GEOMETRIES)}"
            raise BrokenRuleError("3.1", rule, where, value, "Mind the case of the letters.")
        if kind == "GeometryCollection":
            self._geometries(value.get("geometries"), _at(where, "geometries"))
        else:
            section, form, check = self._coordinates[kind]
            place = _at(where, "coordinates")
            given = value.get("coordinates")
            if not isinstance(given, list | tuple):
                rule = f"the coordinates of a {kind} are {form}"
                raise BrokenRuleError(section, rule, place, given, _UNLOCATED)
            check(given, place)
        self._members(value, where)

    def _geometries(self, value: Any, where: str) -> None:
        if not isinstance(value, list | tuple):
            rule = "the geometries of a GeometryCollection are an array"
            raise BrokenRuleError("3.1.8", rule, where, value, "Write [] if there are none.")
        for index, geometry in enumerate(value):
            self._geometry(geometry, f"{where}.{index}")

    def _position(self, value: Any, where: str) -> None:
        if not isinstance(value, list | tuple) or len(value) < 2 or not all(map(_is_number, value)):
            rule = "a position is an array of two or more numbers"
            raise BrokenRuleError("3.1.1", rule, where, value, _POSITION)
        self._on_globe(value[0], value[1], value, where)

    def _on_globe(self, longitude: float, latitude: float, value: object, where: str) -> None:
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
            self.outside = self.outside or (where, value)

    def _line(self, value: Any, where: str) -> None:
        if not isinstance(value, list | tuple) or len(value) < 2:
            rule = "a line has two or more positions"
            raise BrokenRuleError(
                "3.1.4", rule, where, value, f"A single one is a Point. {_UNLOCATED}"
            )
        _each(self._position)(value, where)

    def _polygon(self, value: Any, where: str) -> None:
        if not isinstance(value, list | tuple):
            rule = "the coordinates of a Polygon are an array of linear rings"
            raise BrokenRuleError("3.1.6", rule, where, value, "Put its ring into an array.")
        _each(self._ring)(value, where)

    def _ring(self, value: Any, where: str) -> None:
        if not isinstance(value, list | tuple) or len(value) < 4:
            rule = "a linear ring has four or more positions"
            raise BrokenRuleError(
                "3.1.6", rule, where, value, "Put each ring into an array of its own."
            )
        _each(self._position)(value, where)
        if list(value[0]) != list(value[-1]):
            rule = "a linear ring is closed: its first and last position are identical"
            ends = [value[0], value[-1]]
            raise BrokenRuleError(
                "3.1.6", rule, where, ends, "Repeat the first position at the end."
            )

    def _members(self, value: dict[str, Any], where: str) -> None:
        """What holds for every object: its bounding box, and members that it may not have."""
        kind = value["type"]
        for member in FORBIDDEN[kind]:
            if member in value:
                rule = f"a {kind} has no member {member}, which defines another type"
                fix = "Move it into the properties of a Feature, or rename it."
                raise BrokenRuleError("7.1", rule, _at(where, member), value[member], fix)
        if "bbox" in value:
            self._bbox(value, _at(where, "bbox"))

    def _bbox(self, value: dict[str, Any], where: str) -> None:
        box = value["bbox"]
        if (
            not isinstance(box, list | tuple)
            or len(box) < 4
            or len(box) % 2
            or not all(map(_is_number, box))
        ):
            rule = "a bounding box has two numbers for each dimension, and two dimensions or more"
            raise BrokenRuleError("5", rule, where, box, _BBOX)
        axes = len(box) // 2
        found = set(_dimensions(value))
        if found and axes not in found:
            rule = "a bounding box has as many dimensions as the geometries in it"
            fix = f"They have {' or '.join(map(str, sorted(found)))}. {_BBOX}"
            raise BrokenRuleError("5", rule, where, box, fix)
        if box[1] > box[axes + 1]:
            rule = "a bounding box has its south before its north"
            raise BrokenRuleError("5", rule, where, box, _BBOX)
        self._on_globe(box[0], box[1], box, where)
        self._on_globe(box[axes], box[axes + 1], box, where)


def _each(check: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    def check_each(values: Any, where: str) -> None:
        for index, value in enumerate(values):
            check(value, f"{where}.{index}")

    return check_each


def _dimensions(value: Any) -> Iterator[int]:
    """How many numbers each position in a GeoJSON object or an array has."""
    if isinstance(value, list | tuple):
        if value and _is_number(value[0]):
            yield len(value)
        else:
            for each in value:
                yield from _dimensions(each)
    elif isinstance(value, dict):
        for member in ("coordinates", "geometries", "geometry", "features"):
            yield from _dimensions(value.get(member))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(where: str, member: str) -> str:
    return f"{where}.{member}" if where else member
