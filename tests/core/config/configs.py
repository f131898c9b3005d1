"""Configurations to begin with, and what is in a memory topic afterwards."""

import copy
from typing import Any

from geowatch_core import CONFIRMED, Message, provision_consumer, provision_producer

Table = dict[str, Any]

SOURCE: Table = {"backend": "memory", "topic": "in", "until_empty": True, "codec": "json"}
TARGET: Table = {"backend": "memory", "topic": "out", "codec": "json"}


def simple(**keys: Any) -> Table:
    """One broker from the topic ``in`` to the topic ``out``, with these keys as well."""
    return copy.deepcopy({"consumers": [SOURCE], "producers": [TARGET]}) | keys


def put(topic: str, *values: bytes) -> None:
    """Have a topic hold these."""
    with provision_producer("memory", topic=topic) as producer:
        assert set(producer.deliver_encoded(list(map(Message, values)))) == {CONFIRMED}


def taken(topic: str) -> list[bytes]:
    """What a topic has ready."""
    with provision_consumer("memory", topic=topic, until_empty=True) as consumer:
        return [message.data for message in consumer.consume(1_000, 0)]
