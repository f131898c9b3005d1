"""Where messages are: the box around them, and a link to a map of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

__all__ = ["Box", "box_around", "positions"]


class Box(msgspec.Struct, frozen=True):
    """A bounding box in degrees. West is east of east where it crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def __str__(self) -> str:
        west, east = _degrees(self.west, "E", "W"), _degrees(self.east, "E", "W")
        return f"{_degrees(self.south, 'N', 'S')} {west} to {_degrees(self.north, 'N', 'S')} {east}"

    def fields(self) -> dict[str, str]:
        """The edges as a map wants them: east is never less than west."""
        east = self.east + 360 if self.east < self.west else self.east
        edges = {"west": self.west, "south": self.south, "east": east, "north": self.north}
        return {name: f"{edge:.4f}" for name, edge in edges.items()}


def box_around(found: list[tuple[float, float]]) -> Box | None:
    """The smallest box around positions, antimeridian or not (RFC 7946, section 5.2)."""
    if not found:
        return None
    latitudes = [latitude for _, latitude in found]
    longitudes = sorted({longitude for longitude, _ in found})
    # The widest gap between neighbours around the globe is what the box leaves out.
    gaps = [(after - before, before, after) for before, after in itertools.pairwise(longitudes)]
    gaps.append((longitudes[0] + 360 - longitudes[-1], longitudes[-1], longitudes[0]))
    _, east, west = max(gaps, key=lambda gap: (gap[0], gap[1]))
    return Box(west, min(latitudes), east, max(latitudes))


def positions(value: Any) -> Iterator[tuple[float, float]]:
    """Every longitude and latitude in a Feature, a geometry or a collection of them."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += [
                part[name]
                for name in ("geometry", "geometries", "features", "coordinates")
                if name in part
            ]
        elif isinstance(part, list) and len(part) >= 2 and all(map(_is_number, part[:2])):
            if -180 <= part[0] <= 180 and -90 <= part[1] <= 90:
                yield float(part[0]), float(part[1])
        elif isinstance(part, list):
            waiting += part


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.2f}°{positive if value >= 0 else negative}"
