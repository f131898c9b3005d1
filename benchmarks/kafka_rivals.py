"""The work of `kafka_race.py` with somebody else's library, each in its fastest safe configuration.

``python kafka_rivals.py NAME HOST SOURCE TARGET GROUP`` works until it is killed. The loop by hand
runs where GeoWatch is installed, the others in an environment that `rivals.txt` describes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.kafka_loop import KEEP, kept, loop

BATCH = 2_000


def by_hand(host: str, source: str, target: str, group: str) -> None:
    """The loop."""
    for _ in loop(host, source, target, group, kept, BATCH):
        pass


def faststream(host: str, source: str, target: str, group: str) -> None:
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
        strong = kept(bodies)
        if strong:
            await broker.publish_batch(*strong, topic=target)
        await message.ack()

    asyncio.run(FastStream(broker).run())


def quix_streams(host: str, source: str, target: str, group: str) -> None:
    """Its own flow of single messages; a checkpoint flushes the producer and commits."""
    from quixstreams import Application

    app = Application(
        broker_address=host,
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        commit_interval=0.5,
        consumer_extra_config={"fetch.queue.backoff.ms": 10},
        producer_extra_config={"linger.ms": 0, "enable.idempotence": True},
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


def mq_bridge(host: str, source: str, target: str, group: str) -> None:
    """Batches of its consumer and publisher, committed when they are sent."""
    from mq_bridge import Consumer, Publisher

    options = [["auto.offset.reset", "earliest"], ["fetch.queue.backoff.ms", "10"]]
    kafka = {"url": host, "topic": source, "group_id": group, "consumer_options": options}
    consumer = Consumer.from_config({"kafka": kafka})
    publisher = Publisher.from_config({"kafka": {"url": host, "topic": target}})
    while True:
        messages = consumer.poll(max=BATCH, timeout_ms=1000)
        if messages:
            strong = kept([message.payload for message in messages])
            if strong:
                publisher.send_batch(strong)
            consumer.commit()


RIVALS: dict[str, Callable[[str, str, str, str], None]] = {
    "by hand": by_hand,
    "FastStream": faststream,
    "Quix Streams": quix_streams,
    "mq-bridge": mq_bridge,
}

if __name__ == "__main__":
    name, host, source, target, group = sys.argv[1:]
    RIVALS[name](host, source, target, group)
