"""Message attributes that subscribers filter by: values at paths, and where a geometry is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from geowatch_aws.sns.options import GEOMETRY
from geowatch_core.codec import Codec
from geowatch_core.message import Message
from geowatch_core.path import MISSING, Path

__all__ = ["AttributeFinder", "size_of_all"]

Attributes = Mapping[str, Mapping[str, str]]


class AttributeFinder:
    """Reads the attributes of encoded messages, without decoding more of them.

    Args:
        codec: of the messages.
        paths: for each name, where its value is.
        geometry: where a GeoJSON geometry is.
    """

    def __init__(self, codec: Codec, paths: Mapping[str, Path], geometry: Path | None) -> None:
        self._names = list(paths)
        self._with_geometry = geometry is not None
        self._read = codec.reader([*paths.values(), *([geometry] if geometry else [])])

    def found(self, messages: Sequence[Message]) -> list[Attributes]:
        """The attributes of each message; none of what it does not have."""
        reading = self._read([message.data for message in messages])
        found: list[Attributes] = []
        for index in range(len(messages)):
            attributes: dict[str, Mapping[str, str]] = {}
            if index not in reading.errors:
                values = [column[index] for column in reading.columns]
                if self._with_geometry:
                    attributes.update(_place(values.pop()))
                for name, value in zip(self._names, values, strict=True):
                    if (made := _attribute(value)) is not None:
                        attributes[name] = made
            found.append(attributes)
        return found


def size_of_all(attributes: Attributes) -> int:
    """Bytes of attributes as SNS counts them: names, types and values."""
    return sum(
        len(name.encode()) + len(each["DataType"]) + len(each["StringValue"].encode())
        for name, each in attributes.items()
    )


def _attribute(value: Any) -> Mapping[str, str] | None:
    """An attribute of the type that filter policies compare such values by."""
    if value is MISSING or value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool):
        return {"DataType": "String", "StringValue": "true" if value else "false"}
    if isinstance(value, int | float):
        return {"DataType": "Number", "StringValue": repr(value)} if math.isfinite(value) else None
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    kind = "String.Array" if isinstance(value, list) else "String"
    return {"DataType": kind, "StringValue": json.dumps(value, ensure_ascii=False)}


def _place(geometry: Any) -> dict[str, Mapping[str, str]]:
    """The bounding box and its centre; nothing for what is no geometry, or has no positions."""
    box = _box(geometry) if isinstance(geometry, Mapping) else None
    if box is None:
        return {}
    west, south, east, north = box
    # RFC 7946, section 5.2: west of a box that crosses the antimeridian is greater than its east.
    middle = (west + east) / 2 if west <= east else (west + east + 360) / 2
    lon = middle - 360 if middle > 180 else middle
    values = (west, south, east, north, lon, (south + north) / 2)
    return {
        name: {"DataType": "Number", "StringValue": _number(value)}
        for name, value in zip(GEOMETRY, values, strict=True)
    }


def _box(geometry: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    given = geometry.get("bbox")
    if isinstance(given, list) and len(given) in (4, 6):
        half = len(given) // 2
        return given[0], given[1], given[half], given[half + 1]
    positions = list(_positions(geometry))
    if not positions:
        return None
    lons, lats = zip(*positions, strict=True)
    return min(lons), min(lats), max(lons), max(lats)


def _positions(geometry: Any) -> Iterator[tuple[float, float]]:
    """Every position of a geometry. Nothing is recursive: geometries come from outside."""
    waiting = [geometry]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += [part.get("coordinates"), *(part.get("geometries") or ())]
        elif isinstance(part, list) and part:
            if all(isinstance(each, int | float) for each in part[:2]) and len(part) >= 2:
                yield part[0], part[1]
            else:
                waiting += part


def _number(value: float) -> str:
    """Five decimals, about a metre: the accuracy of numeric filters.

    See https://docs.aws.amazon.com/sns/latest/dg/numeric-value-matching.html .
    """
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
