"""The store in an object of S3."""

from __future__ import annotations

from typing import Any

from geowatchutil._deprecated import deprecated
from geowatchutil.store.base import GeoWatchStore

__all__ = ["GeoWatchStoreS3"]


class GeoWatchStoreS3(GeoWatchStore):
    """``geowatch_core.provision("s3", "store", key=…, aws_bucket=…)``."""

    def __init__(
        self,
        key: str,
        codec: Any,
        aws_region: str | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_bucket: str | None = None,
        which: str = "all",
        which_index: int = 0,
    ) -> None:
        deprecated(
            "store.geowatch_store_s3.GeoWatchStoreS3",
            'geowatch_core.provision("s3", "store", key=…, aws_bucket=…)',
        )
        self.bucket = aws_bucket
        super().__init__(
            "s3",
            key,
            codec,
            aws_region=aws_region,
            aws_access_key_id=aws_access_key_id,
            aws_secret_access_key=aws_secret_access_key,
            aws_bucket=aws_bucket,
            which=which,
            which_index=which_index,
        )
