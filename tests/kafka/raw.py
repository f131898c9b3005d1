"""Kafka as its own client sees it, past the code under test."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from geowatch_core.message import Message
from tests.kafka.mock import MockKafka


class Raw:
    """Makes topics, puts messages in, and reads what is there and what is committed."""

    def __init__(self, host: str, mock: MockKafka | None = None) -> None:
        self.host = host
        self._mock = mock
        self._quiet = {"bootstrap.servers": host, "log_level": 2, "reconnect.backoff.max.ms": 500}
        self._producer: Producer | None = None
        self._readers: dict[str, Consumer] = {}
        self._followers: dict[str, Consumer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of every client."""
        for client in (*self._readers.values(), *self._followers.values()):
            client.close()
        self._readers.clear()
        self._followers.clear()
        self._producer = None

    def create(
        self, topic: str, partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        """Create a topic, and wait until it has leaders; its name."""
        if self._mock is not None:
            self._mock.create(topic, partitions)
        else:
            admin = AdminClient(self._quiet)
            new = NewTopic(topic, partitions, 1, config=dict(config or {}))
            admin.create_topics([new])[topic].result(30)
        deadline = time.monotonic() + 30
        while len(self.partitions(topic)) < partitions:
            assert time.monotonic() < deadline, f"{topic} has no leaders"
            time.sleep(0.02)
        return topic

    def partitions(self, topic: str) -> list[int]:
        """The partitions that have a leader."""
        client = self._reader("")
        found = self._patiently(lambda: client.list_topics(topic, timeout=30)).topics[topic]
        return sorted(n for n, each in found.partitions.items() if each.error is None)

    def put(self, topic: str, messages: Iterable[Message], partition: int = -1) -> None:
        """Put messages in, in order, and wait until they are there."""
        if self._producer is None:
            more = {"message.max.bytes": 2_000_000, "enable.idempotence": True, "linger.ms": 0}
            self._producer = Producer({**self._quiet, **more})
        failed: list[Any] = []

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(error)

        for m in messages:
            more = {} if m.time is None else {"timestamp": round(m.time * 1000)}
            while True:
                try:
                    self._producer.produce(
                        topic,
                        m.data,
                        m.key,
                        partition=partition,
                        headers=list(m.headers),
                        on_delivery=delivered,
                        **more,
                    )
                    break
                except BufferError:
                    self._producer.poll(0.1)
        assert self._producer.flush(60) == 0
        assert not failed, failed[0]

    def ends(self, topic: str) -> dict[int, int]:
        """The offset behind the last message of each partition."""
        return {n: self._end(topic, n) for n in self.partitions(topic)}

    def _end(self, topic: str, number: int) -> int:
        here, client = TopicPartition(topic, number), self._reader("")
        end: int = self._patiently(lambda: client.get_watermark_offsets(here, timeout=30))[1]
        return end

    def read(self, topic: str) -> list[Message]:
        """Everything that is in a topic, partition by partition."""
        return self._between(topic, dict.fromkeys(self.partitions(topic), 0))

    def take(self, topic: str, taken: dict[int, int]) -> list[Message]:
        """What is in a topic from these offsets on, which move."""
        for number in self.partitions(topic):
            taken.setdefault(number, 0)
        return self._between(topic, taken)

    def _between(self, topic: str, taken: dict[int, int]) -> list[Message]:
        client, messages = self._reader(topic), []
        for number, begin in taken.items():
            end = self._end(topic, number)
            if end <= begin:
                continue
            client.assign([TopicPartition(topic, number, begin or OFFSET_BEGINNING)])
            deadline = time.monotonic() + 60
            while taken[number] < end:
                assert time.monotonic() < deadline, f"{topic}[{number}] is not readable to {end}"
                for m in client.consume(1000, 0.2):
                    if m.error() is not None:
                        raise KafkaException(m.error())
                    taken[number] = m.offset() + 1
                    messages.append(message(m))
                if client.position([TopicPartition(topic, number)])[0].offset >= end:
                    break  # the last offsets are markers, or were compacted away
            taken[number] = end
        client.unassign()
        return messages

    def committed(self, topic: str, group: str) -> dict[int, int]:
        """What a group has committed, by partition; nothing for a partition without."""
        asked = [TopicPartition(topic, n) for n in self.partitions(topic)]
        found = self._patiently(lambda: self._reader(group).committed(asked, timeout=30))
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def commit(self, topic: str, group: str, offsets: Mapping[int, int]) -> None:
        """Have a group be at these offsets."""
        wanted = [TopicPartition(topic, n, offset) for n, offset in offsets.items()]
        self._reader(group).commit(offsets=wanted, asynchronous=False)

    def members(self, group: str) -> int:
        """How many members of a group have partitions."""
        admin = AdminClient(self._quiet)
        found = admin.describe_consumer_groups([group], request_timeout=30)[group].result()
        return sum(bool(m.assignment and m.assignment.topic_partitions) for m in found.members)

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """What the server answers, once it does: it may be told to fail, or be starting."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return ask()
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _reader(self, group: str) -> Consumer:
        if group not in self._readers:
            more = {
                "group.id": group or f"raw-{uuid.uuid4().hex[:8]}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": 4_000_000,
                "fetch.wait.max.ms": 50,
            }
            self._readers[group] = Consumer({**self._quiet, **more})
        return self._readers[group]


def message(m: Any) -> Message:
    """A message of the client as one of ours."""
    kind, at = m.timestamp()
    headers = tuple(m.headers() or ())
    return Message(m.value() or b"", m.key(), headers, at / 1000 if kind else None, m.offset())


def datas(messages: Sequence[Message]) -> list[bytes]:
    """The bytes of each."""
    return [m.data for m in messages]
