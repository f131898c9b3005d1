"""The loop from Kafka to Kafka that its user would write by hand. It knows nothing of GeoWatch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer

KEEP = 1.2
BATCH = 500
CONSUMER = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.queue.backoff.ms": 10,
    "queued.max.messages.kbytes": 16_384,
}
PRODUCER = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 20,
    "delivery.report.only.error": True,
    "partitioner": "murmur2_random",
}

Work = Callable[[list[bytes]], list[bytes]]


def as_they_are(bodies: list[bytes]) -> list[bytes]:
    """Hand all bytes on."""
    return bodies


def kept(bodies: list[bytes]) -> list[bytes]:
    """Decode everything, keep half, encode that."""
    loads, dumps = orjson.loads, orjson.dumps
    strong = []
    for body in bodies:
        feature = loads(body)
        magnitude = feature["properties"]["mag"]
        if magnitude is not None and magnitude >= KEEP:
            strong.append(dumps(feature))
    return strong


def loop(
    host: str, source: str, target: str, group: str, work: Work, batch: int = BATCH
) -> Generator[int]:
    """Consume, work, produce, wait for all confirmations, commit; again and again.

    Yields:
        0 when messages have come, and after their commit how many they were.
    """
    failed: list[Any] = []
    consumer = Consumer({**CONSUMER, "bootstrap.servers": host, "group.id": group})
    producer = Producer(
        {**PRODUCER, "bootstrap.servers": host, "on_delivery": lambda e, _: failed.append(e)}
    )
    consumer.subscribe([source])
    try:
        while True:
            messages = consumer.consume(1, 1.0)
            if not messages:
                continue
            yield 0
            messages += consumer.consume(batch - 1, 0)
            for message in messages:
                if message.error() is not None:
                    raise RuntimeError(message.error())
            for data in work([message.value() or b"" for message in messages]):
                producer.produce(target, data)
            producer.flush()
            if failed:
                raise RuntimeError(failed[0])
            consumer.commit(asynchronous=False)
            yield len(messages)
    finally:
        consumer.close()
