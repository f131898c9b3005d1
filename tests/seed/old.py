"""What the tests of geowatchutil have in common: topics in memory, looked at past it."""

from __future__ import annotations

from typing import Any

from geowatch_core import Message
from geowatch_core.memory import _driver as memory
from geowatchutil.node.base import GeoWatchNode
from geowatchutil.runtime import provision_consumer, provision_producer


def put(topic: str, *texts: str) -> None:
    """Put messages into a topic of memory, past geowatchutil."""
    memory.topic(topic).put([Message(text.encode()) for text in texts], None)


def held(topic: str) -> list[str]:
    """What a topic of memory has ready, taken out of it past geowatchutil."""
    found = memory.topic(topic).take(set(), lambda: 1 << 30, 0, None)
    memory.topic(topic).settle([message.position for message in found])
    return [message.data.decode() for message in found]


def consumer(topic: str = "in", **more: Any) -> GeoWatchNode:
    """A consumer of memory."""
    return provision_consumer("memory", topic=topic, until_empty=True, **more)[1]


def producer(topic: str = "out", **more: Any) -> GeoWatchNode:
    """A producer of memory."""
    return provision_producer("memory", topic=topic, **more)[1]
