"""The store in a file."""

from __future__ import annotations

from typing import Any

from geowatchutil._deprecated import deprecated
from geowatchutil.store.base import GeoWatchStore

__all__ = ["GeoWatchStoreFile"]


class GeoWatchStoreFile(GeoWatchStore):
    """``geowatch_core.provision("file", "store", path=…)``."""

    def __init__(
        self, key: str, codec: Any, which: str = "all", which_index: int | str = "0"
    ) -> None:
        deprecated(
            "store.geowatch_store_file.GeoWatchStoreFile",
            'geowatch_core.provision("file", "store", path=…)',
        )
        super().__init__("file", key, codec, which=which, which_index=which_index)
