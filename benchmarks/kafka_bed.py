"""What the benchmarks of Kafka run on: a filled topic, and who is timed on it."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.kafka_loop import BATCH, KEEP, Work, loop
from geowatch_core import Broker, provision

ROOT = Path(__file__).parent.parent
QUAKES = ROOT / "examples/quakes/usgs-earthquakes-week.geojson"
PROPERTIES = ("mag", "place", "time", "status", "net", "magType", "type", "sig", "tz")
PARTITIONS = 4


def features(count: int) -> list[bytes]:
    """So many features, the week over and over."""
    week = json.loads(QUAKES.read_bytes())["features"]
    small = [
        {**quake, "properties": {name: quake["properties"][name] for name in PROPERTIES}}
        for quake in week
    ]
    encoded = [orjson.dumps(quake) for quake in small]
    return [encoded[i % len(encoded)] for i in range(count)]


def strong(feature: Any) -> bool:
    """What a filter written in Python asks."""
    magnitude = feature["properties"]["mag"]
    return magnitude is not None and bool(magnitude >= KEEP)


class Bench:
    """A server with a filled topic, and what is run against it."""

    def __init__(self, host: str, count: int) -> None:
        self.host = host
        self.count = count
        self.admin = AdminClient({"bootstrap.servers": host, "log_level": 2})
        self.data = features(count)
        self.expected = sum(strong(orjson.loads(item)) for item in self.data)
        self.bytes = sum(map(len, self.data)) / count

    @cached_property
    def source(self) -> str:
        """The filled topic."""
        source = self.topic()
        self.fill(source, self.data)
        return source

    def topic(self) -> str:
        """A fresh topic."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        self.admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
        while len(self.admin.list_topics(name, timeout=10).topics[name].partitions) < PARTITIONS:
            time.sleep(0.05)
        time.sleep(0.3)
        return name

    def drop(self, name: str) -> None:
        """Have the server forget a topic."""
        self.admin.delete_topics([name])[name].result(30)

    def fill(self, topic: str, data: Sequence[bytes]) -> None:
        """Put messages in, spread over all partitions."""
        self.put(Producer({"bootstrap.servers": self.host, "linger.ms": 20}), topic, data)

    @staticmethod
    def put(producer: Producer, topic: str, data: Sequence[bytes]) -> None:
        """The same with a producer of one's own."""
        for number, item in enumerate(data):
            while True:
                try:
                    producer.produce(topic, item, partition=number % PARTITIONS)
                    break
                except BufferError:
                    producer.poll(0.05)
        producer.flush()

    def held(self, topic: str) -> int:
        """How many messages a topic holds."""
        client = Consumer({"bootstrap.servers": self.host, "group.id": "count"})
        ends = [
            client.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1]
            for n in range(PARTITIONS)
        ]
        client.close()
        return sum(ends)

    # --- by hand --------------------------------------------------------------------------------

    def by_hand(self, target: str, work: Work, batch: int = BATCH) -> float:
        """The seconds of the loop by hand, from its first message to its last commit."""
        steps = loop(self.host, self.source, target, uuid.uuid4().hex, work, batch)
        left, began = self.count, 0.0
        while left:
            left -= next(steps)
            began = began or time.perf_counter()
        took = time.perf_counter() - began
        steps.close()
        return took

    # --- the library ----------------------------------------------------------------------------

    def with_broker(self, target: str, codec: str, chosen: Any) -> float:
        """The same with a broker, which is stopped when it has consumed everything."""
        source = provision(
            "kafka",
            "consumer",
            topic=self.source,
            host=self.host,
            codec=codec,
            group=uuid.uuid4().hex,
        )
        sink = provision("kafka", "producer", topic=target, host=self.host, codec=codec)
        broker = Broker("bench", consumers=[source], producers=[sink], filter=chosen)
        watch = Until(broker, self.count)
        watch.start()
        report = broker.run()
        watch.join()
        if report.consumed != self.count:
            raise RuntimeError(f"{report}")
        return watch.took


class Until(threading.Thread):
    """Times a broker from its first message to the last one settled, and stops it then.

    It looks from outside: an observer of messages would have the broker keep their values.
    """

    def __init__(self, broker: Broker, count: int) -> None:
        super().__init__(daemon=True)
        self.took = 0.0
        self._broker = broker
        self._count = count

    def run(self) -> None:
        """Look two hundred times a second, which costs the broker little."""
        while not self._broker.report.consumed:
            time.sleep(0.005)
        began = time.perf_counter()
        while self._settled() < self._count:
            time.sleep(0.005)
        self.took = time.perf_counter() - began
        self._broker.stop()

    def _settled(self) -> int:
        report = self._broker.report
        return report.delivered + report.filtered
