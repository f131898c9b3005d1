"""Delivers to a topic in memory."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.codec import Codec
from geowatch_core.errors import RetryableError
from geowatch_core.memory import _driver
from geowatch_core.memory.backend import STREAM
from geowatch_core.memory.options import MemoryProducerOptions
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.producer import Producer


class MemoryProducer(Producer):
    """Appends to a topic. What a full topic has no room for may be tried again."""

    capabilities = STREAM

    def __init__(self, options: MemoryProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self._options = options
        self._topic = _driver.topic(options.full_topic)

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        kept = self._topic.put(messages, self._options.capacity)
        if kept == len(messages):
            return [CONFIRMED] * kept
        full = RetryableError(
            f"The topic of {self.name} is full",
            got=self._options.capacity,
            fix="Consume from it, or give it more capacity.",
        )
        return [CONFIRMED] * kept + [full] * (len(messages) - kept)

    def _delete_topic(self) -> bool:
        _driver.delete(self._options.full_topic)
        return True
