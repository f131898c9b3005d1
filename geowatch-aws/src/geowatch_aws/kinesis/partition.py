"""Partition keys: what keeps messages together in a shard."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["LONGEST", "is_made_up", "partition_key"]

LONGEST: Final = 256
"""Most characters of a partition key, by the API reference of PutRecord."""

_PERSON: Final = b"geowatch-kinesis"
_MADE_UP: Final = 32


def partition_key(key: bytes | None, data: bytes) -> str:
    """The partition key of a message: its key, as the text that it is.

    A message without a key gets a hash of its data, so that such messages spread over the shards.
    A key that is no text of 1 to 256 characters is replaced by its hash, which keeps together what
    belongs together. Data itself is never a key: keys are seen in logs and metrics.
    """
    if not key:
        return _made_up(data)
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return hashlib.sha256(key).hexdigest()
    return text if len(text) <= LONGEST else hashlib.sha256(key).hexdigest()


def is_made_up(key: str, data: bytes) -> bool:
    """Whether a message had no key, and this one was made of its data."""
    return len(key) == _MADE_UP and key == _made_up(data)


def _made_up(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=_MADE_UP // 2, person=_PERSON).hexdigest()
