"""Makes a broker."""

from __future__ import annotations

from typing import Any

from geowatchutil._deprecated import deprecated
from geowatchutil.broker.base import GeoWatchBroker

__all__ = ["build_broker"]


def build_broker(name: str | None, description: str | None, **given: Any) -> GeoWatchBroker:
    """``geowatch_core.Broker(name, …)``."""
    deprecated("broker.factory.build_broker", "geowatch_core.Broker(name, …)")
    return GeoWatchBroker(name, description, **given)
