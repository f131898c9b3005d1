"""The encode stage: what each destination is to get, in that destination's codec."""

from __future__ import annotations

from geowatch_core.codec import Codec
from geowatch_core.flow.batch import Batch
from geowatch_core.flow.failure import Failure
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED

__all__ = ["encode"]


def encode(batch: Batch, run: list[Message]) -> None:
    """Add a run of messages to the parcels of `batch`, encoded once for each codec."""
    done: dict[Codec, tuple[list[Message], list[Message]]] = {}
    for parcel in batch.parcels:
        sink = parcel.destination.sink
        if sink.codec not in done:
            encoded, refused = sink.encode(run)
            owners = [m for i, m in enumerate(run) if i not in refused] if refused else run
            batch.failures += [
                Failure(run[index], error, 1, "encode")
                for index, error in refused.items()
                if error is not CONFIRMED
            ]
            done[sink.codec] = owners, encoded
        owners, encoded = done[sink.codec]
        parcel.owners.extend(owners)
        parcel.encoded.extend(encoded)
