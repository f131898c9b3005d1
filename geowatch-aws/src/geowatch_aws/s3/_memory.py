"""What a store has read of a prefix: kept in an object beside it."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from geowatch_aws.s3._driver import Bucket
from geowatch_core.errors import PermanentError

__all__ = ["Memory"]


class _Record(msgspec.Struct):
    """Digests of what was read: a set, since an object may come later under an earlier key."""

    read: list[str]


_decode: Final = msgspec.json.Decoder(_Record).decode
_DIGITS: Final = 16


class Memory:
    """Remembers objects by their key and ETag: one that was replaced is read again.

    What is no longer there is forgotten, so that the memory is no larger than the prefix.

    Args:
        bucket: where the objects are.
        key: of the object that remembers; None to remember nothing.
    """

    def __init__(self, bucket: Bucket, key: str | None) -> None:
        self._bucket = bucket
        self._key = key
        self._read: set[str] = set()

    def fresh(self, prefix: str, most: int) -> list[str]:
        """The first keys below a prefix that were not read, in order.

        Raises:
            PermanentError: what remembers is something else.
        """
        known = self._known()
        there: set[str] = set()
        fresh: list[tuple[str, str]] = []
        for key, etag in self._bucket.listed(prefix):
            if key == self._key:
                continue
            digest = hashlib.sha256(f"{key}\n{etag}".encode()).hexdigest()[:_DIGITS]
            there.add(digest)
            if digest not in known and len(fresh) < most:
                fresh.append((key, digest))
        self._read = (known & there) | {digest for _, digest in fresh}
        return [key for key, _ in fresh]

    def save(self) -> None:
        """Remember what ``fresh`` gave."""
        if self._key is not None:
            content = msgspec.json.encode(_Record(sorted(self._read)))
            self._bucket.put(self._key, content, {"ContentType": "application/json"}, "")

    def _known(self) -> set[str]:
        found = None if self._key is None else self._bucket.get(self._key)
        if found is None:
            return set()
        try:
            return set(_decode(found.content).read)
        except msgspec.MsgspecError as error:
            raise PermanentError(
                f"The object that remembers what was read is something else: {error}",
                got=self._key,
                fix="Name another key with remember, or remove that object to read all again.",
            ) from error
