"""Knows which messages were seen before, within a bounded window."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import attrs

from geowatch_core.message import Message
from geowatch_core.options import at_least, option, to_path
from geowatch_core.path import MISSING, Path

__all__ = ["Deduplicate", "MemoryWindow", "Window"]


@attrs.frozen(kw_only=True)
class Deduplicate:
    """What makes two messages the same.

    Without ``key``, messages are the same when their bytes are. With it, when the value at that
    path is; a message that has none there, or null, is never a duplicate.
    """

    key: Path | None = option(
        None,
        doc="The path of what identifies a message; its bytes, if not given.",
        converter=to_path,
    )
    window: int = option(100_000, doc="How many messages are remembered.", validator=at_least(1))

    def identities(
        self, messages: Sequence[Message], column: Sequence[Any] | None
    ) -> list[Hashable | None]:
        """What identifies each message; None for one that cannot be a duplicate."""
        if column is None:
            from hashlib import blake2b

            return [blake2b(message.data, digest_size=16).digest() for message in messages]
        return [None if found is MISSING else _hashable(found) for found in column]


class Window(Protocol):
    """Remembers identities, so that a crash or a give-back never swallows a message.

    An identity is reserved when its message passes, confirmed when the message was acked, and
    released when it was given back, so that its redelivery passes again.
    """

    def reserve(self, identities: Sequence[Hashable]) -> list[bool]:
        """For each, whether it is new; new ones are reserved."""

    def confirm(self, identities: Sequence[Hashable]) -> None:
        """Their messages were settled."""

    def release(self, identities: Sequence[Hashable]) -> None:
        """Their messages were given back."""


class MemoryWindow:
    """A window in this process, of the `size` identities that were reserved last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: dict[Hashable, None] = {}

    def reserve(self, identities: Sequence[Hashable]) -> list[bool]:
        """For each, whether it is new; new ones are reserved."""
        new = [self._add(identity) for identity in identities]
        for _ in range(len(self._seen) - self._size):
            self._seen.pop(next(iter(self._seen)))
        return new

    def _add(self, identity: Hashable) -> bool:
        before = len(self._seen)
        self._seen[identity] = None
        return len(self._seen) > before

    def confirm(self, identities: Sequence[Hashable]) -> None:
        """Nothing to do: a reservation in memory ends with the process, as the crash would."""

    def release(self, identities: Sequence[Hashable]) -> None:
        """Forget them, so that their redelivery is new."""
        for identity in identities:
            self._seen.pop(identity, None)


def _hashable(value: Any) -> Hashable:
    """A hashable stand-in: True is equal to 1 in Python, and is not in JSON."""
    if isinstance(value, dict):
        return ("object", frozenset((k, _hashable(v)) for k, v in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_hashable, value)))
    return (bool, value) if isinstance(value, bool) else value
