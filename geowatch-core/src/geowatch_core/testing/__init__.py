"""The conformance kit: what a backend or a codec must pass to be trusted, whoever wrote it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geowatch_core.testing.backend_kit import BackendKit
    from geowatch_core.testing.codec_kit import CodecKit
    from geowatch_core.testing.consumer_kit import ConsumerKit
    from geowatch_core.testing.fault import Fault
    from geowatch_core.testing.harness import Harness
    from geowatch_core.testing.kit import deviates
    from geowatch_core.testing.producer_kit import ProducerKit
    from geowatch_core.testing.raw import RawCodec
    from geowatch_core.testing.store_kit import StoreKit
    from geowatch_core.testing.verdict import ConformanceError

__all__ = [
    "BackendKit",
    "CodecKit",
    "ConformanceError",
    "ConsumerKit",
    "Fault",
    "Harness",
    "ProducerKit",
    "RawCodec",
    "StoreKit",
    "deviates",
]

_HOME = {
    "BackendKit": "backend_kit",
    "CodecKit": "codec_kit",
    "ConformanceError": "verdict",
    "ConsumerKit": "consumer_kit",
    "Fault": "fault",
    "Harness": "harness",
    "ProducerKit": "producer_kit",
    "RawCodec": "raw",
    "StoreKit": "store_kit",
    "deviates": "kit",
}

if not TYPE_CHECKING:  # a type checker would take __getattr__ as leave to import any name

    def __getattr__(name: str) -> Any:
        # Imported on first use: pytest loads the plugin of this package in every session of an
        # environment that has core, and must neither wait for hypothesis nor fail without it.
        import importlib

        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
