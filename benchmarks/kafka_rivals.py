"""The work of `kafka.py` with somebody else's library, each in its fastest safe configuration.

``python kafka_rivals.py NAME HOST SOURCE TARGET GROUP COUNT`` prints the seconds from the first
message to the last one acknowledged, and leaves. It runs in an environment of its own, which
`rivals.txt` describes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

KEEP = 1.2
BATCH = 2_000


class Clock:
    """Times from the first message to the last."""

    def __init__(self, count: int) -> None:
        self.left = count
        self._began = 0.0

    def begin(self) -> None:
        """The first message is there."""
        self._began = self._began or time.perf_counter()

    def done(self, count: int) -> None:
        """So many were acknowledged; with the last of them, this process leaves."""
        self.left -= count
        if self.left <= 0:
            print(time.perf_counter() - self._began, flush=True)
            os._exit(0)


def kept(messages: list[bytes]) -> list[bytes]:
    """Decode everything, keep half, encode that."""
    loads, dumps = orjson.loads, orjson.dumps
    strong = []
    for message in messages:
        feature = loads(message)
        magnitude = feature["properties"]["mag"]
        if magnitude is not None and magnitude >= KEEP:
            strong.append(dumps(feature))
    return strong


def faststream(host: str, source: str, target: str, group: str, clock: Clock) -> None:
    """Batches of raw bytes, published as batches, acknowledged after that."""
    from faststream import AckPolicy, FastStream
    from faststream.confluent import KafkaBroker
    from faststream.confluent.annotations import KafkaMessage

    broker = KafkaBroker(host, logger=None, config={"fetch.queue.backoff.ms": 10, "linger.ms": 0})

    async def raw(message: Any) -> Any:
        return message.body

    @broker.subscriber(
        source,
        group_id=group,
        auto_offset_reset="earliest",
        batch=True,
        max_records=BATCH,
        polling_interval=0.01,
        ack_policy=AckPolicy.MANUAL,
        decoder=raw,
    )
    async def work(bodies: list[bytes], message: KafkaMessage) -> None:
        clock.begin()
        strong = kept(bodies)
        if strong:
            await broker.publish_batch(*strong, topic=target)
        await message.ack()
        clock.done(len(bodies))

    asyncio.run(FastStream(broker).run())


def quix_streams(host: str, source: str, target: str, group: str, clock: Clock) -> None:
    """Its own flow of single messages; a checkpoint flushes the producer and commits."""
    from quixstreams import Application

    settings = {"linger.ms": 0, "enable.idempotence": True}

    def processed(*_: Any) -> None:
        clock.begin()
        clock.left -= 1
        if not clock.left:
            app.stop()  # flushes, and commits the last checkpoint

    app = Application(
        broker_address=host,
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_interval=1.0,
        consumer_extra_config={"fetch.queue.backoff.ms": 10},
        producer_extra_config=settings,
        on_message_processed=processed,
        loglevel="ERROR",
    )
    incoming = app.topic(source, value_deserializer="bytes", key_deserializer="bytes")
    outgoing = app.topic(target, value_serializer="bytes", key_serializer="bytes")
    frame = app.dataframe(incoming)
    frame = frame.apply(orjson.loads)
    frame = frame.filter(lambda f: (f["properties"]["mag"] or 0) >= KEEP)
    frame = frame.apply(orjson.dumps)
    frame.to_topic(outgoing)
    app.run()
    clock.done(0)


def mq_bridge(host: str, source: str, target: str, group: str, clock: Clock) -> None:
    """Batches of its consumer and publisher, committed when they are sent."""
    from mq_bridge import Consumer, Publisher

    options = [["auto.offset.reset", "earliest"], ["fetch.queue.backoff.ms", "10"]]
    consumer = Consumer.from_config(
        {
            "kafka": {
                "url": host,
                "topic": source,
                "group_id": group,
                "consumer_options": options,
            }
        }
    )
    publisher = Publisher.from_config({"kafka": {"url": host, "topic": target}})
    while True:
        messages = consumer.poll(max=BATCH, timeout_ms=1000)
        if messages:
            clock.begin()
            strong = kept([message.payload for message in messages])
            if strong:
                publisher.send_batch(strong)
            consumer.commit()
            clock.done(len(messages))


RIVALS: dict[str, Callable[[str, str, str, str, Clock], None]] = {
    "FastStream": faststream,
    "Quix Streams": quix_streams,
    "mq-bridge": mq_bridge,
}

if __name__ == "__main__":
    name, host, source, target, group, count = sys.argv[1:]
    RIVALS[name](host, source, target, group, Clock(int(count)))
