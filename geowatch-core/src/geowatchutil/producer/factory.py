"""Makes producers by the name of their backend."""

from __future__ import annotations

from typing import Any

from geowatchutil import _provision
from geowatchutil._deprecated import deprecated
from geowatchutil.client.base import GeoWatchClient
from geowatchutil.node.base import GeoWatchNode

__all__ = ["build_producer"]


def build_producer(
    backend: str,
    topic: str | None = None,
    codec: Any = "plain",
    client: GeoWatchClient | None = None,
    **options: Any,
) -> tuple[GeoWatchClient, GeoWatchNode]:
    """``geowatch_core.provision(backend, "producer", …)``."""
    deprecated("producer.factory.build_producer", 'geowatch_core.provision(backend, "producer", …)')
    return _provision.node(backend, "producer", client, topic=topic, codec=codec, **options)
