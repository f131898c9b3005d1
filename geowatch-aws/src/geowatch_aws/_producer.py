"""What the producers of SQS and SNS have in common: entries, ten a call, each answered for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from geowatch_aws._body import ATTRIBUTE, packed, size_of
from geowatch_aws._fifo import Fifo
from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.producer import Producer
from geowatch_core.sink import merged

__all__ = ["EntryProducer"]


class EntryProducer(Producer):
    """Sends entries with a body and attributes.

    To a FIFO queue or topic it sends call by call, and what follows a message that failed in its
    group waits until that one was sent.

    Attributes:
        body: what the service calls the text of an entry.
        fifo: set in ``_open`` where order is kept.
    """

    body: ClassVar[str]
    fifo: Fifo | None = None

    @abstractmethod
    def _send(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[Outcome]:
        """One call of the service; what became of each entry, whose ``Id`` is its number."""

    def _attributes(self, message: Message) -> Mapping[str, Any]:
        """Attributes of a message besides ours, if the backend has any."""
        return {}

    def deliver_encoded(self, messages: Sequence[Message]) -> list[Outcome]:
        """Deliver messages whose ``data`` is already in this producer's codec.

        Raises:
            ClosedError: not open.
        """
        if self.fifo is not None:
            self.fifo.begin()
        return super().deliver_encoded(messages)

    def _size(self, message: Message) -> int:
        return size_of(message)

    def _calls(self, messages: list[Message]) -> Iterator[list[Message]]:
        calls = super()._calls(messages)
        return calls if self.fifo is None else self.fifo.cut(calls)

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        if self.fifo is None:
            return self._send(self._entries(messages))
        fields = self.fifo.fields(messages)
        waiting: dict[int, Outcome] = {
            index: each for index, each in enumerate(fields) if isinstance(each, RetryableError)
        }
        going = [message for index, message in enumerate(messages) if index not in waiting]
        more = [each for each in fields if isinstance(each, dict)]
        outcomes = self._sent(self.fifo, going, more) if going else []
        return merged(len(messages), waiting, outcomes)

    def _sent(
        self, fifo: Fifo, messages: Sequence[Message], fields: Sequence[dict[str, Any]]
    ) -> Sequence[Outcome]:
        entries = self._entries(messages)
        for entry, more in zip(entries, fields, strict=True):
            entry.update(more)
        outcomes: Sequence[Outcome]
        try:
            outcomes = self._send(entries)
        except (RetryableError, PermanentError) as error:
            outcomes = [error] * len(entries)
        fifo.learn(messages, fields, outcomes)
        return outcomes

    def _entries(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for index, message in enumerate(messages):
            text, beside = packed(message)
            entry: dict[str, Any] = {"Id": str(index), self.body: text}
            attributes = {**self._attributes(message)}
            if beside:
                attributes[ATTRIBUTE] = {"DataType": "String", "StringValue": beside}
            if attributes:
                entry["MessageAttributes"] = attributes
            entries.append(entry)
        return entries
