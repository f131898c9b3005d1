"""Topics in memory to test with."""

from typing import Any

from geowatch_core.memory.consumer import MemoryConsumer
from geowatch_core.memory.options import (
    MemoryConsumerOptions,
    MemoryProducerOptions,
)
from geowatch_core.memory.producer import MemoryProducer
from tests.core.sample import TEXT, data, messages


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


def consumer(topic: str = "t", **options: Any) -> MemoryConsumer:
    """An open consumer."""
    parsed = MemoryConsumerOptions(topic=topic, **options)
    return MemoryConsumer(parsed, name="in", codec=TEXT).open()


def put(*texts: str, topic: str = "t", capacity: int | None = None) -> list[object]:
    """Deliver these to a topic; the outcomes."""
    options = MemoryProducerOptions(topic=topic, capacity=capacity)
    with MemoryProducer(options, name="out", codec=TEXT) as producer:
        return list(producer.deliver(messages(*texts)))


def brought(source: MemoryConsumer, count: int = 500) -> list[bytes]:
    """What it brings without waiting."""
    return data(source.consume(count, 0))
