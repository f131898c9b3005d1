"""Makes consumers by the name of their backend."""

from __future__ import annotations

from typing import Any

from geowatchutil import _provision
from geowatchutil._deprecated import deprecated
from geowatchutil.client.base import GeoWatchClient
from geowatchutil.node.base import GeoWatchNode

__all__ = ["build_consumer"]


def build_consumer(
    backend: str,
    topic: str | None = None,
    codec: Any = "plain",
    client: GeoWatchClient | None = None,
    **options: Any,
) -> tuple[GeoWatchClient, GeoWatchNode]:
    """``geowatch_core.provision(backend, "consumer", …)``."""
    deprecated("consumer.factory.build_consumer", 'geowatch_core.provision(backend, "consumer", …)')
    return _provision.node(backend, "consumer", client, topic=topic, codec=codec, **options)
