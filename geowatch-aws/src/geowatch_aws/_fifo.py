"""FIFO queues and topics: what keeps messages in order, and what makes one known again."""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from geowatch_core.codec import Codec
from geowatch_core.errors import RetryableError
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.path import MISSING, Path

__all__ = ["ONE_GROUP", "Fifo", "group_of"]

ONE_GROUP: Final = "geowatch"
"""The group of messages without a key: all of them in order."""

_ALLOWED: Final = re.compile(r"[!-~]{1,128}")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
_REMEMBERED: Final = 10_000


def group_of(message: Message) -> str:
    """The group of a message: its key, or a digest of a key that cannot be the name of a group."""
    return ONE_GROUP if message.key is None else _identifier(message.key)


def _identifier(value: bytes) -> str:
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    return text if _ALLOWED.fullmatch(text) else hashlib.sha256(value).hexdigest()


class Fifo:
    """Groups and ids of the messages that one producer sends.

    The service drops a message whose id it has seen within five minutes. So an id stays the same
    when a message is sent again after a failure of which nobody knows how far it went; and two
    messages that happen to be alike have different ones, unless a path says what makes them equal.

    Args:
        codec: of the messages.
        identity: the path of what makes a message known again.
        strict: send one message of a group in a call.
        by_content: the service makes ids of the content by itself.
    """

    def __init__(
        self, codec: Codec, *, identity: Path | None, strict: bool, by_content: bool
    ) -> None:
        self._read = None if identity is None else codec.reader([identity])
        self._strict = strict
        self._by_content = by_content and identity is None
        self._held: dict[str, float | None] = {}
        self._failed: OrderedDict[tuple[str, bytes], deque[str]] = OrderedDict()
        self._changing = threading.Lock()

    def begin(self) -> None:
        """A new delivery: nothing is held back yet."""
        self._held.clear()

    def cut(self, calls: Iterable[list[Message]]) -> Iterator[list[Message]]:
        """Calls in which no message can overtake another one of its group that fails."""
        for call in calls:
            if not self._strict:
                yield call
                continue
            run: list[Message] = []
            groups: set[str] = set()
            for message in call:
                group = group_of(message)
                if group in groups:
                    yield run
                    run, groups = [], set()
                run.append(message)
                groups.add(group)
            yield run

    def fields(self, messages: Sequence[Message]) -> list[dict[str, Any] | RetryableError]:
        """What each entry has besides; an error for what must wait for another of its group."""
        given = self._given(messages)
        fields: list[dict[str, Any] | RetryableError] = []
        for message, identity in zip(messages, given, strict=True):
            group = group_of(message)
            if group in self._held:
                fields.append(_waits(group, self._held[group]))
                continue
            entry = {"MessageGroupId": group}
            if not self._by_content:
                entry["MessageDeduplicationId"] = identity or self._id(group, message)
            fields.append(entry)
        return fields

    def learn(
        self,
        messages: Sequence[Message],
        fields: Sequence[dict[str, Any]],
        outcomes: Sequence[Outcome],
    ) -> None:
        """Hold back the groups of which something is to be sent again, and keep its id."""
        for message, entry, outcome in zip(messages, fields, outcomes, strict=True):
            if isinstance(outcome, RetryableError):
                group = entry["MessageGroupId"]
                self._held[group] = outcome.retry_after
                self._keep(group, message, entry.get("MessageDeduplicationId"))

    def _given(self, messages: Sequence[Message]) -> list[str | None]:
        if self._read is None:
            return [None] * len(messages)
        reading = self._read([message.data for message in messages])
        (column,) = reading.columns
        return [
            None
            if index in reading.errors or value is None or value is MISSING
            else _identifier((value if isinstance(value, str) else repr(value)).encode())
            for index, value in enumerate(column)
        ]

    def _id(self, group: str, message: Message) -> str:
        with self._changing:
            waiting = self._failed.get((group, message.data))
            if not waiting:
                return uuid.uuid4().hex
            kept = waiting.popleft()
            if not waiting:
                del self._failed[group, message.data]
            return kept

    def _keep(self, group: str, message: Message, identity: str | None) -> None:
        if self._read is not None or identity is None:
            return
        with self._changing:
            self._failed.setdefault((group, message.data), deque()).append(identity)
            while len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)


def _waits(group: str, retry_after: float | None) -> RetryableError:
    return RetryableError(
        "An earlier message of the same group is to be sent again, and must not be overtaken",
        got=group,
        fix="Send them again in order.",
        retry_after=retry_after,
    )
