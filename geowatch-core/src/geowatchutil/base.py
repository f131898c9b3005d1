"""``GeoWatchError``, which is core's."""

from __future__ import annotations

from typing import Any

from geowatch_core import errors
from geowatchutil._deprecated import deprecated

__all__ = ["GeoWatchError"]  # noqa: F822 - given by __getattr__, so that it can warn


def __getattr__(name: str) -> Any:
    if name == "GeoWatchError":
        deprecated("base.GeoWatchError", "geowatch_core.GeoWatchError")
        return errors.GeoWatchError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
