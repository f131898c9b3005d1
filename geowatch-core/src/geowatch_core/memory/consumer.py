"""Consumes from a topic in memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import attrs

from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.memory import _driver
from geowatch_core.memory.backend import STREAM
from geowatch_core.memory.options import MemoryConsumerOptions
from geowatch_core.message import Message

_log = logging.getLogger(__name__)


class MemoryConsumer(Consumer):
    """Competes with the other consumers of its topic; each message goes to one of them.

    Ready messages come in order. A given-back message comes again before all later ones.
    """

    capabilities = STREAM

    def __init__(self, options: MemoryConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self.capabilities = attrs.evolve(
            STREAM,
            max_unsettled=options.max_unsettled,
            redelivers_after=options.redeliver_after,
        )
        self._options = options
        self._topic = _driver.topic(options.full_topic)
        self._unsettled: set[int] = set()

    @property
    def exhausted(self) -> bool:
        """With ``until_empty``: whether the topic has nothing left to bring."""
        return self._options.until_empty and not self._topic.ready

    def _consume(self, count: int, timeout: float) -> list[Message]:
        def room() -> int:
            return -1 if self._closed else min(count, most - len(self._unsettled))

        most = self._options.max_unsettled
        wait = 0.0 if self.exhausted else timeout
        return self._topic.take(self._unsettled, room, wait, self._options.redeliver_after)

    def _ack(self, messages: Sequence[Message]) -> None:
        ids = [message.position for message in messages]
        self._unsettled.difference_update(ids)
        late = self._topic.settle(ids)
        if late:
            self._require_open()  # if another thread closed it meanwhile, that gave them back
            _log.warning(
                "%s: %d messages were acked too late and come again. Settle sooner, or give a "
                "longer redeliver_after.",
                self.name,
                len(late),
            )

    def _nack(self, messages: Sequence[Message]) -> None:
        ids = [message.position for message in messages]
        self._unsettled.difference_update(ids)
        self._topic.give_back(ids)

    def _close(self) -> None:
        self._topic.give_back(self._unsettled)

    def _delete_topic(self) -> bool:
        _driver.delete(self._options.full_topic)
        return True
