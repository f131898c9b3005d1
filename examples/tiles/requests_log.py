"""Makes a log of tile requests as a tile server writes one, the same for the same seed.

The shape is that of real logs: a base map that everybody loads, overlays that some do; views that
start wide and zoom in on a few places; and most tiles of a view next to each other.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

__all__ = ["COLUMNS", "write"]

COLUMNS = ("time", "layer", "z", "x", "y", "client", "status")
_LAYERS = {"osm": 60, "satellite": 25, "roads": 8, "buildings": 5, "flood-zones": 2}
_PLACES = ((-74.0, 40.7), (-66.1, 18.4), (13.4, 52.5), (36.8, -1.3), (139.7, 35.7))
_START = datetime(2015, 6, 1, 12, tzinfo=UTC)


def write(path: Path, count: int = 5_000, seed: int = 2015) -> None:
    """Write `count` requests, one a line, cells separated by tabs."""
    chance = random.Random(seed)
    now, lines = _START, list[str]()
    while len(lines) < count:
        now += timedelta(seconds=chance.expovariate(0.5))
        lines += _view(chance, now)
    path.write_text("".join(f"{line}\n" for line in lines[:count]))


def _view(chance: random.Random, now: datetime) -> list[str]:
    """The requests of one map view: a block of tiles of one layer."""
    (layer,) = chance.choices(list(_LAYERS), weights=list(_LAYERS.values()))
    zoom = min(18, max(0, round(chance.gauss(11, 3.5))))
    longitude, latitude = chance.choice(_PLACES)
    x, y = tile(longitude + chance.gauss(0, 0.2), latitude + chance.gauss(0, 0.2), zoom)
    client = f"10.0.{chance.randrange(4)}.{chance.randrange(1, 255)}"
    last = (1 << zoom) - 1
    rows = []
    for column in range(4):
        for row in range(3):
            at = now + timedelta(milliseconds=40 * len(rows))
            status = 404 if layer == "flood-zones" and zoom > 15 else 200
            cells = (at.isoformat(timespec="milliseconds"), layer, zoom)
            place = (min(x + column, last), min(y + row, last))
            rows.append("\t".join(map(str, (*cells, *place, client, status))))
    return rows


def tile(longitude: float, latitude: float, zoom: int) -> tuple[int, int]:
    """The tile that a place is in. Formula: OpenStreetMap wiki, "Slippy map tilenames"."""
    across = 1 << zoom
    angle = math.radians(latitude)
    x = int((longitude + 180) / 360 * across)
    y = int((1 - math.asinh(math.tan(angle)) / math.pi) / 2 * across)
    return min(max(x, 0), across - 1), min(max(y, 0), across - 1)
