"""The store in memcached."""

from __future__ import annotations

from typing import Any

from geowatchutil._deprecated import deprecated
from geowatchutil.store.base import GeoWatchStore

__all__ = ["GeoWatchStoreMemcached"]


class GeoWatchStoreMemcached(GeoWatchStore):
    """``geowatch_core.provision("memcached", "store", key=…)``.

    ``client_type="umemcache"`` is taken as it was, and pymemcache serves.
    """

    def __init__(
        self,
        key: str,
        codec: Any,
        host: str | None = None,
        port: int | None = None,
        client_type: str = "pymemcache",
        which: str = "all",
        which_index: int = 0,
    ) -> None:
        deprecated(
            "store.geowatch_store_memcached.GeoWatchStoreMemcached",
            'geowatch_core.provision("memcached", "store", key=…)',
        )
        self.client_type = client_type
        super().__init__(
            "memcached",
            key,
            codec,
            host=host,
            port=port,
            client_type=client_type,
            which=which,
            which_index=which_index,
        )
