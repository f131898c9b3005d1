"""Knows which messages were seen before, within a bounded window."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import Any

import attrs
import msgspec

from geowatch_core.message import Message
from geowatch_core.options import at_least, option, to_path
from geowatch_core.path import MISSING, Path
from geowatch_core.store import Store
from geowatch_core.window import Window

__all__ = ["Deduplicate", "MemoryWindow"]

_EXACT = 2**53
"""Up to here every whole number is one float, and no other."""


def _a_store(given: object) -> Store | None:
    if given is not None and not isinstance(given, Store):
        raise TypeError(f"Expected a store, got {type(given).__name__}")
    return given


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
    window: int = option(
        100_000, doc="How many messages this process remembers.", validator=at_least(1)
    )
    shared: Store | None = option(
        None,
        doc="A store that remembers instead, for all brokers that name its place.",
        converter=_a_store,
    )
    lease: float = option(
        15.0,
        doc="With shared: seconds after which others take over what a dead broker had begun.",
        validator=at_least(1),
    )

    def identities(
        self, messages: Sequence[Message], column: Sequence[Any] | None
    ) -> list[Hashable | None]:
        """What identifies each message; None for one that cannot be a duplicate."""
        if column is None:
            return [_digest(_own(message)) for message in messages]
        return [None if found is MISSING else _hashable(found) for found in column]

    def digests(
        self, messages: Sequence[Message], column: Sequence[Any] | None
    ) -> list[bytes | None]:
        """What identifies each message to other processes, too."""
        if column is None:
            return [_digest(_own(message)) for message in messages]
        return [
            None if found is MISSING or found is None else _digest(_written(found))
            for found in column
        ]


class MemoryWindow(Window):
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


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _own(message: Message) -> bytes:
    """The bytes that came; of a message made by hand, which has none yet, its value as bytes."""
    by_hand = message.origin is None and message.touched
    return _written(message.peek()) if by_hand else message.data


def _written(value: Any) -> bytes:
    """The same bytes for what JSON calls the same, in whichever process and order."""
    try:
        return msgspec.json.encode(_plain(value), order="deterministic", enc_hook=repr)
    except (TypeError, ValueError, RecursionError):  # what JSON has no word for
        return repr(value).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """Numbers that are equal become the same one: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
