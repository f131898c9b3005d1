"""GeoJSON objects as types that msgspec checks in C.

They accept less than RFC 7946 allows and nothing that it forbids: what they accept is good, and
what they do not is for ``_rfc7946`` to judge. So they leave out what is rare: bounding boxes,
positions of more than three numbers, collections inside collections.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter, or_
from typing import Annotated, Any, Final, Literal

import attrs
import msgspec
from msgspec import UNSET, Meta, UnsetType

from geowatch_core.codecs._projection import Rows, Tree, decoder, field, struct
from geowatch_core.codecs._rfc7946 import FORBIDDEN
from geowatch_core.path import MISSING

WHOLE: Final = frozenset(
    [(member,) for member in ("type", "id", "bbox", *FORBIDDEN["Feature"])]
    + [("geometry", member) for member in ("type", "bbox", "coordinates", "geometries")]
)
"""Where structs have fields of their own kind, so that a path does not lead inside."""

_NEVER: Final = Annotated[int, Meta(ge=1, le=0)]
"""The type of a member that may not be there: it has no values."""

_NAME: Final = str | int | float
_ANY_OBJECT: Final = msgspec.defstruct("AnyObject", [], gc=False)
_geometry_of: Final = attrgetter(field("geometry"))
_type_of: Final = attrgetter(field("type"))
_coordinates_of: Final = attrgetter(field("coordinates"))


@attrs.frozen
class Shapes:
    """The types, with or without bounds of longitude and latitude.

    Attributes:
        objects: by GeoJSON type.
        geometry: any geometry, or null.
        geometries: a struct with a list of these.
        features: a struct with a list of Features.
        coordinates: by geometry type, a struct with a list of coordinates.
    """

    objects: Mapping[str, Any]
    geometry: Any
    geometries: Any
    features: Any
    coordinates: Mapping[str, Any]


@functools.cache
def shapes(*, bounded: bool) -> Shapes:
    """The shapes; of positions on the globe only, if `bounded`."""
    position = _position(_within(180), _within(90)) if bounded else _position(float, float)
    line, rings = _array(position, 2), _array(_array(position, 4))
    kinds: dict[str, tuple[Any, Any]] = {
        "Point": (position, None),
        "MultiPoint": (_array(position), None),
        "LineString": (line, None),
        "MultiLineString": (_array(line), None),
        "Polygon": (rings, _require_closed),
        "MultiPolygon": (_array(rings), functools.partial(_all, _require_closed)),
    }
    objects = {kind: _geometry(kind, *rule) for kind, rule in kinds.items()}
    simple: Any = functools.reduce(or_, objects.values())
    collection = _object("GeometryCollection", [("geometries", _array(simple))])
    geometry = simple | collection | None
    feature = _object(
        "Feature",
        [
            ("geometry", geometry),
            ("properties", _ANY_OBJECT | None),
            ("id", _NAME, MISSING),
        ],
    )
    features = _object("FeatureCollection", [("features", _array(feature))])
    objects |= {each.__name__: each for each in (collection, feature, features)}
    return Shapes(
        objects,
        geometry,
        msgspec.defstruct("Geometries", [("geometries", _array(geometry))], gc=False),
        msgspec.defstruct("Features", [("features", _array(feature))], gc=False),
        {kind: _batch(*rule) for kind, rule in kinds.items()},
    )


def _array(of: Any, least: int = 0) -> Any:
    return Annotated[list[of], Meta(min_length=least)]  # a type made while running


def _within(degrees: int) -> Any:
    return Annotated[float, Meta(ge=-degrees, le=degrees)]


def _position(longitude: Any, latitude: Any) -> Any:
    return msgspec.defstruct(
        "Position",
        [
            ("longitude", longitude),
            ("latitude", latitude),
            ("altitude", float | UnsetType, UNSET),
        ],
        array_like=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _object(kind: str, fields: Sequence[Any], namespace: dict[str, Any] | None = None) -> Any:
    return msgspec.defstruct(
        kind,
        [*fields, *((member, _NEVER, MISSING) for member in ("bbox", *FORBIDDEN[kind]))],
        tag=kind,
        tag_field="type",
        kw_only=True,
        gc=False,
        namespace=namespace,
    )


def _geometry(kind: str, coordinates: Any, rule: Any) -> Any:
    return _object(kind, [("coordinates", coordinates)], _checked(rule) if rule else None)


def _batch(coordinates: Any, rule: Any) -> Any:
    return msgspec.defstruct(
        "Coordinates",
        [("coordinates", _array(coordinates))],
        gc=False,
        namespace=_checked(functools.partial(_all, rule)) if rule else None,
    )


def _checked(rule: Any) -> dict[str, Any]:
    """What msgspec calls once a struct is filled; a ValueError refuses it."""
    return {"__post_init__": lambda self: rule(self.coordinates)}


def _all(rule: Any, many: Iterable[Any]) -> None:
    for each in many:
        rule(each)


def _require_closed(rings: Iterable[Sequence[Any]]) -> None:
    for ring in rings:
        if ring[0] != ring[-1]:
            raise ValueError("a ring is not closed")


def rows(known: Shapes, wanted: Tree) -> Rows:
    """Decodes a run of Features into structs with what is `wanted`, and checks them."""
    inside = wanted.get("properties", {})
    properties = struct("Properties", inside) if inside is not None else dict[str, Any]
    where, check = _geometry_column(known, wanted)
    typed = [
        ("type", Literal["Feature"]),
        ("properties", properties | None),
        ("geometry", where),
        ("id", _NAME, MISSING),
        *((member, _NEVER, MISSING) for member in ("bbox", *FORBIDDEN["Feature"])),
    ]
    taken = {member for member, *_ in typed}
    others = {member: inside for member, inside in wanted.items() if member not in taken}
    decode = decoder(struct("Feature", others, typed))
    if check is None:
        return decode

    def checked(run: Sequence[bytes]) -> list[Any]:
        features = decode(run)
        check(list(map(_geometry_of, features)))
        return features

    return checked


def _geometry_column(known: Shapes, wanted: Tree) -> tuple[Any, Any]:
    """The type of a Feature's geometry, and what checks those of a run if the type does not."""
    if "geometry" not in wanted:
        return known.geometry, None
    inside = wanted["geometry"]
    if inside is None:
        return Any, lambda found: msgspec.convert({"geometries": found}, known.geometries)
    forbidden = ("bbox", *FORBIDDEN["Point"])
    typed = [
        ("type", str),
        ("coordinates", Any, MISSING),
        ("geometries", Any, MISSING),
        *((member, _NEVER, MISSING) for member in forbidden),
    ]
    taken = {member for member, *_ in typed}
    others = {member: deeper for member, deeper in inside.items() if member not in taken}
    kind = struct("Geometry", others, typed)
    return kind | None, functools.partial(_check_coordinates, known)


def _check_coordinates(known: Shapes, geometries: Sequence[Any]) -> None:
    """Check geometries whose coordinates are decoded to lists: all of one type at once."""
    by_type: dict[str, list[Any]] = {}
    for geometry in geometries:
        if geometry is not None:
            by_type.setdefault(_type_of(geometry), []).append(_coordinates_of(geometry))
    for kind, coordinates in by_type.items():
        # KeyError would be a mistake here, but a collection or an unknown type is none of ours.
        if kind not in known.coordinates:
            raise ValueError(kind)
        msgspec.convert({"coordinates": coordinates}, known.coordinates[kind])
