"""Delivers to a topic of SNS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from geowatch_aws._fifo import Fifo
from geowatch_aws._producer import EntryProducer
from geowatch_aws.sns._attributes import AttributeFinder, size_of_all
from geowatch_aws.sns._driver import Topic
from geowatch_aws.sns.backend import PRODUCER
from geowatch_aws.sns.options import SnsProducerOptions
from geowatch_core.capabilities import Order
from geowatch_core.codec import Codec
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome

__all__ = ["SnsProducer"]


class SnsProducer(EntryProducer):
    """Publishes to a topic. Confirmed means that SNS has it; it answers for its own deliveries."""

    capabilities = PRODUCER
    body: ClassVar[str] = "Message"

    def __init__(self, options: SnsProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec, key=options.group_id)
        self.capabilities = attrs.evolve(PRODUCER, order=Order.KEY if options.fifo else Order.NONE)
        self.calls_at_once = 1 if options.fifo else options.parallel
        self._options = options
        self._finder = (
            AttributeFinder(codec, options.attributes, options.geometry)
            if options.attributes or options.geometry
            else None
        )
        # By the id of a message that is being delivered. Found once, for its size and its entry.
        self._found: dict[int, Mapping[str, Any]] = {}

    def _open(self) -> None:
        options = self._options
        self._topic = Topic(options, calls=self.calls_at_once)
        largest = self._topic.largest
        self.capabilities = attrs.evolve(
            self.capabilities, max_message=largest, max_batch_bytes=largest
        )
        if options.fifo:
            self.fifo = Fifo(
                self.codec,
                identity=options.deduplication_id,
                strict=options.strict_order,
                by_content=self._topic.by_content,
            )

    def _delete_topic(self) -> bool:
        self._topic.drop()
        return True

    def _close(self) -> None:
        self._topic.close()

    def _too_large(self, messages: Sequence[Message]) -> dict[int, Outcome]:
        if self._finder is not None:
            self._found = dict(zip(map(id, messages), self._finder.found(messages), strict=True))
        return super()._too_large(messages)

    def _size(self, message: Message) -> int:
        size = super()._size(message)
        return size + size_of_all(self._attributes(message)) if self._finder else size

    def _attributes(self, message: Message) -> Mapping[str, Any]:
        if self._finder is None:
            return {}
        found = self._found.get(id(message))
        return self._finder.found([message])[0] if found is None else found

    def _send(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[Outcome]:
        subject = self._options.subject
        if subject is None:
            return self._topic.send(entries)
        return self._topic.send([{**entry, "Subject": subject} for entry in entries])
