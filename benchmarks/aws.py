"""SQS to SQS: calls per 1,000 messages, and a broker against a threaded loop of boto3.

The queues are those of ElasticMQ, which leaves the client the bottleneck (give ``moto`` as
an argument for moto's). Both sides receive, send and delete in tens, with the same number of
threads, and nothing is deleted before it was sent. The loop does nothing else; the broker keeps
messages hidden, bounds memory, answers for each message, and would retry.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from botocore.client import BaseClient
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).parents[1]))

from geowatch_core import Broker, Message, provision
from tools import aws_server

MESSAGES = 5_000
THREADS = 8
ROUNDS = 5
BODY = b'{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{%s}}'
TEXTS = [(BODY % (b'"n":%d,"pad":"%s"' % (n, b"x" * 180))).decode() for n in range(MESSAGES)]


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often each operation is called."""
    calls, true, lock = Counter[str](), BaseClient._make_api_call, threading.Lock()

    def call(client: Any, name: str, given: Any) -> Any:
        with lock:
            calls[name] += 1
        return true(client, name, given)

    with mock.patch.object(BaseClient, "_make_api_call", call):
        yield calls


class Queues:
    """Two queues: one that is filled, one that is to be."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = boto3.client(
            "sqs",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(max_pool_connections=2 * THREADS),
        )
        self._round = 0

    def fresh(self) -> tuple[str, str]:
        """The names of two new ones, the first filled."""
        self._round += 1
        names = f"in-{self._round}", f"out-{self._round}"
        for name in names:
            self.client.create_queue(QueueName=name)
        with provision("sqs", "producer", topic=names[0], **self.options) as producer:
            outcomes = producer.deliver([Message(text.encode()) for text in TEXTS])
            assert all(not isinstance(outcome, Exception) for outcome in outcomes)
        return names

    @property
    def options(self) -> dict[str, Any]:
        """Of every role."""
        return {**aws_server.KEYS, "endpoint_url": self.url, "timeout": 30, "parallel": THREADS}


def by_hand(queues: Queues, source: str, target: str) -> float:
    """Seconds of threads that receive, send and delete."""
    client = queues.client
    there, here = (client.get_queue_url(QueueName=n)["QueueUrl"] for n in (source, target))
    left, lock = [MESSAGES], threading.Lock()

    def work() -> None:
        while left[0] > 0:
            got = client.receive_message(
                QueueUrl=there, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages", [])
            if not got:
                continue
            entries = [{"Id": str(i), "MessageBody": m["Body"]} for i, m in enumerate(got)]
            sent = client.send_message_batch(QueueUrl=here, Entries=entries)
            done = [got[int(entry["Id"])] for entry in sent["Successful"]]
            handles = [
                {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(done)
            ]
            client.delete_message_batch(QueueUrl=there, Entries=handles)
            with lock:
                left[0] -= len(done)

    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def with_broker(queues: Queues, source: str, target: str) -> float:
    """Seconds of a broker, opening its clients not counted: nor are those of the loop."""
    consumer = provision("sqs", "consumer", topic=source, codec="json", **queues.options)
    producer = provision("sqs", "producer", topic=target, codec="json", **queues.options)

    class Relay(Broker):
        def finish(self, batch: Any) -> list[Message]:
            delivered = super().finish(batch)
            if self.report.delivered >= MESSAGES:
                self.stop()
            return delivered

    broker = Relay(consumers=[consumer], producers=[producer])
    ended: list[float] = []
    with broker:
        started = time.perf_counter()
        report = broker.run()
        ended.append(time.perf_counter())
    assert report.delivered == MESSAGES, report
    return ended[0] - started


def per_thousand(calls: Counter[str]) -> dict[str, float]:
    """Calls that are paid for, per 1,000 messages."""
    names = ("SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch")
    return {name: calls[name] / MESSAGES * 1000 for name in names}


def main(names: Sequence[str]) -> None:
    """Print the tables of `benchmarks/README.md`."""
    serve = aws_server.moto if "moto" in names else aws_server.elasticmq
    with tempfile.TemporaryDirectory() as folder:
        server, url = serve(Path(folder))
        with server:
            _measure(Queues(url), serve.__name__)


def _measure(queues: Queues, server: str) -> None:
    contenders: dict[str, Callable[[Queues, str, str], float]] = {
        f"by hand: {THREADS} threads of boto3": by_hand,
        "broker": with_broker,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    calls: dict[str, dict[str, float]] = {}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            names = queues.fresh()
            with counted() as count:
                seconds[name].append(run(queues, *names))
            calls[name] = per_thousand(count)
    base = next(iter(seconds.values()))
    print(f"{MESSAGES:,} messages of {len(TEXTS[0])} bytes, {server}, ", end="")
    print(f"median of {ROUNDS} interleaved runs, Python {sys.version.split()[0]}\n")
    print("| who | messages/s | of the loop by hand | send, receive, delete per 1,000 |")
    print("|---|---|---|---|")
    for name, took in seconds.items():
        ratio = statistics.median(b / t for b, t in zip(base, took, strict=True))
        rate = MESSAGES / statistics.median(took)
        made = ", ".join(f"{each:.0f}" for each in calls[name].values())
        print(f"| {name} | {rate:,.0f} | {ratio:.2f} | {made} |")


if __name__ == "__main__":
    main(sys.argv[1:])
