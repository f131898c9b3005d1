"""Delivers to a queue of SQS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from geowatch_aws._fifo import Fifo
from geowatch_aws._producer import EntryProducer
from geowatch_aws.sqs._driver import Queue
from geowatch_aws.sqs.backend import PRODUCER
from geowatch_aws.sqs.options import SqsProducerOptions
from geowatch_core.capabilities import Order
from geowatch_core.codec import Codec
from geowatch_core.outcome import Outcome

__all__ = ["SqsProducer"]


class SqsProducer(EntryProducer):
    """Sends to a queue."""

    capabilities = PRODUCER
    body: ClassVar[str] = "MessageBody"

    def __init__(self, options: SqsProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec, key=options.group_id)
        self.capabilities = attrs.evolve(PRODUCER, order=Order.KEY if options.fifo else Order.NONE)
        self.calls_at_once = 1 if options.fifo else options.parallel
        self._options = options

    def _open(self) -> None:
        options = self._options
        self._queue = Queue(options, calls=self.calls_at_once)
        largest = self._queue.largest
        self.capabilities = attrs.evolve(self.capabilities, max_message=largest)
        if options.fifo:
            self.fifo = Fifo(
                self.codec,
                identity=options.deduplication_id,
                strict=options.strict_order,
                by_content=self._queue.by_content,
            )

    def _delete_topic(self) -> bool:
        self._queue.drop()
        return True

    def _close(self) -> None:
        self._queue.close()

    def _send(self, entries: Sequence[Mapping[str, Any]]) -> Sequence[Outcome]:
        return self._queue.send(entries)
