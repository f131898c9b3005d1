"""Makes stores by the name of their backend."""

from __future__ import annotations

from typing import Any

from geowatchutil import _provision
from geowatchutil._deprecated import deprecated
from geowatchutil.store.base import GeoWatchStore

__all__ = ["build_store", "provision_store"]

_NEW = 'geowatch_core.provision(backend, "store", …)'


def build_store(backend: str, key: str, codec: Any, **options: Any) -> GeoWatchStore:
    """``geowatch_core.provision(backend, "store", …)``."""
    deprecated("store.factory.build_store", _NEW)
    return _provision.store(backend, key, codec, **options)


def provision_store(backend: str, key: str, codec: Any, **options: Any) -> GeoWatchStore:
    """``geowatch_core.provision(backend, "store", …)``; the examples of 2015 took it from here."""
    deprecated("store.factory.provision_store", _NEW)
    return _provision.store(backend, key, codec, **options)
