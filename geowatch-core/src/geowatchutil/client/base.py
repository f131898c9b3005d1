"""What provisioning returned beside a node: where it is connected to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import geowatch_core

__all__ = ["GeoWatchClient"]


class GeoWatchClient:
    """The options of a connection, to be given to the next ``provision_…`` of the same backend.

    It holds no connection: each node has its own, and nothing is shared that would have to be.

    Attributes:
        backend: its name.
        topic_prefix: put before each topic.
        options: of the connection.
    """

    def __init__(self, backend: str, options: Mapping[str, Any]) -> None:
        self.backend = backend
        self.options = dict(options)
        self.topic_prefix: str = options.get("topic_prefix", "")

    def create_topic(self, topic: str) -> bool:
        """Make the topic, if it is not there."""
        self._producer(topic, topic_check=True).close()
        return True

    def delete_topic(self, topic: str) -> bool:
        """Delete the topic with all that it holds; whether the backend does such a thing."""
        with self._producer(topic) as producer:
            return producer.delete_topic()

    def delete_topics(self, topics: Iterable[str]) -> bool:
        """Delete topics; whether all of them were."""
        deleted = [self.delete_topic(topic) for topic in topics]
        return all(deleted)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _producer(self, topic: str, **more: Any) -> geowatch_core.Producer:
        given = {**self.options, "topic": topic, **more}
        return geowatch_core.provision_producer(self.backend, **given)
