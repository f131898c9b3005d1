"""What stores had in common: a buffer, and one document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import geowatch_core
from geowatch_core import Broker
from geowatchutil._options import options

__all__ = ["GeoWatchStore"]

_KEY = {"file": "path"}
"""What the key of a store is called today, where it is not the key."""


class GeoWatchStore:
    """A store under the methods of 2015.

    Attributes:
        backend: its name.
        key: the path of the file, the key of the object.
        which: which message of a batch it keeps.
        store: today's store.
    """

    def __init__(self, backend: str, key: str, codec: Any, **given: Any) -> None:
        self.backend = backend
        self.key = key
        self.which: str = given.get("which") or "all"
        self.which_index = int(given.get("which_index") or 0)  # a text by default, in 2015
        named = {**options({**given, "codec": codec}), _KEY.get(backend, "key"): key}
        self.store = geowatch_core.provision_store(
            backend, **{**named, "which": self.which, "which_index": self.which_index}
        )
        self._buffer: list[Any] = []
        # A broker knows how to try again, so writing goes through one.
        self._out = Broker(f"{backend}:{key}", stores_out=[self.store], best_effort=True)
        self._out.__enter__()

    @classmethod
    def of(cls, backend: str, key: str, codec: Any, **given: Any) -> GeoWatchStore:
        """A store of any backend."""
        return GeoWatchStore(backend, key, codec, **given)

    def write_message(self, message: Any, flush: bool = False) -> bool:
        """Keep a message until ``flush``, or write it with what was kept."""
        return self.write_messages([message], flush=flush)

    def write_messages(self, messages: Iterable[Any], flush: bool = False) -> bool:
        """Keep messages until ``flush``, or write them with what was kept."""
        self._buffer.extend(messages)
        if flush:
            self.flush()
        return True

    def flush(self) -> None:
        """Write what was kept as one document, and return when it is confirmed.

        Raises:
            BrokerStoppedError: it cannot be written; it is still kept.
        """
        if self._buffer:
            self._out.receive_messages(self._buffer)
            self._buffer = []

    def read(self) -> list[Any]:
        """The values that the document holds."""
        return [message.value for message in self.store.read()]

    def close(self) -> None:
        """Write what was kept, and let go of the connection."""
        try:
            self.flush()
        finally:
            self._out.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
