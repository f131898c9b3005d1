"""Kinesis: calls per 1,000 messages, and throughput against loops by hand with boto3 and threads.

What users of AWS pay for is the call, and what a shard takes and gives is limited by the service.
So the loops by hand keep to its limits too: 500 records a call, and 2 MiB a second read of a shard.
Both checkpoint in DynamoDB. The servers are kinesalite and moto on this machine: they are most of
the time that is measured, so the ratios say whether the library adds to it.

``python benchmarks/aws_kinesis.py [--messages N] [--rounds N] [--shards N]``
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.client import BaseClient

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.kafka_bed import features
from geowatch_core import CONFIRMED, Message, provision
from tools.aws_server import KEYS, moto
from tools.kinesalite import kinesalite

BATCH, THREADS, PACE = 500, 8, 2 << 20


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often each operation is called meanwhile, by anybody."""
    calls: Counter[str] = Counter()
    true, lock = BaseClient._make_api_call, threading.Lock()

    def call(client: Any, name: str, given: Any) -> Any:
        with lock:
            calls[name] += 1
        return true(client, name, given)

    BaseClient._make_api_call = call
    try:
        yield calls
    finally:
        BaseClient._make_api_call = true


class Bench:
    """The servers, and a stream that is made anew for each run."""

    def __init__(self, kinesis: str, dynamodb: str, count: int, shards: int) -> None:
        self.url, self.table_url = kinesis, dynamodb
        self.shards = shards
        self.data = features(count)
        self.client = self._client("kinesis", kinesis)
        self.table = self._client("dynamodb", dynamodb)

    def _client(self, service: str, url: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=KEYS["aws_region"],
            aws_access_key_id=KEYS["aws_access_key_id"],
            aws_secret_access_key=KEYS["aws_secret_access_key"],
        )

    def stream(self) -> str:
        """A fresh one."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        self.client.create_stream(StreamName=name, ShardCount=self.shards)
        waiter = self.client.get_waiter("stream_exists")
        waiter.wait(StreamName=name, WaiterConfig={"Delay": 0.05})
        return name

    def options(self, name: str) -> dict[str, Any]:
        """What leads to it."""
        return {**KEYS, "endpoint_url": self.url, "topic": name, "codec": "plain"}

    # --- putting --------------------------------------------------------------------------------

    def put_by_hand(self, name: str) -> float:
        """Threads that put 500 records a call, and put again what was refused."""
        records = [{"Data": d, "PartitionKey": str(i)} for i, d in enumerate(self.data)]

        def put(batch: list[dict[str, Any]]) -> None:
            while batch:
                answer = self.client.put_records(StreamName=name, Records=batch)
                results = zip(batch, answer["Records"], strict=True)
                batch = [record for record, result in results if "ErrorCode" in result]

        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(put, (records[i : i + BATCH] for i in range(0, len(records), BATCH))))
        return time.perf_counter() - began

    def put_with_producer(self, name: str) -> float:
        """One producer, all at once."""
        messages = [Message(d, key=str(i).encode()) for i, d in enumerate(self.data)]
        with provision("kinesis", "producer", **self.options(name)) as producer:
            began = time.perf_counter()
            outcomes = producer.deliver(messages)
            took = time.perf_counter() - began
        if any(outcome is not CONFIRMED for outcome in outcomes):
            raise RuntimeError("not all were confirmed")
        return took

    # --- reading --------------------------------------------------------------------------------

    def read_by_hand(self, name: str) -> float:
        """A thread a shard, which checkpoints after each read and keeps to the service's pace."""
        left, lock = [len(self.data)], threading.Lock()
        self.table.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "shard", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

        def read(shard: str) -> None:
            answer = self.client.get_shard_iterator(
                StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
            iterator = answer["ShardIterator"]
            while left[0] > 0:
                answer = self.client.get_records(ShardIterator=iterator, Limit=2_000)
                records, iterator = answer["Records"], answer["NextShardIterator"]
                if records:
                    item = {"shard": {"S": shard}, "at": {"S": records[-1]["SequenceNumber"]}}
                    self.table.put_item(TableName=name, Item=item)
                with lock:
                    left[0] -= len(records)
                if left[0] > 0:
                    time.sleep(max(0.25, sum(len(r["Data"]) for r in records) / PACE))

        shards = [s["ShardId"] for s in self.client.list_shards(StreamName=name)["Shards"]]
        began = time.perf_counter()
        with ThreadPoolExecutor(len(shards)) as pool:
            list(pool.map(read, shards))
        return time.perf_counter() - began

    def read_with_consumer(self, name: str) -> float:
        """One consumer, which acks each batch."""
        given = {"group": f"{name}-g", "lease_endpoint_url": self.table_url}
        consumer = provision(
            "kinesis", "consumer", **self.options(name), **given, shard_it_type="TRIM_HORIZON"
        )
        with consumer:
            began, left = time.perf_counter(), len(self.data)
            while left:
                messages = consumer.consume(2_000, 1.0)
                consumer.ack(messages)
                left -= len(messages)
            return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shards", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinesis, url = kinesalite(Path(folder))
        table, table_url = moto(Path(folder))
        with kinesis, table:
            measure(Bench(url, table_url, given.messages, given.shards), given.rounds)


def measure(bench: Bench, rounds: int) -> None:
    """All contenders in turn, again and again."""
    put = (bench.put_by_hand, bench.put_with_producer)
    read = (bench.read_by_hand, bench.read_with_consumer)
    took: dict[str, list[float]] = {act.__name__: [] for act in (*put, *read)}
    calls: dict[str, Counter[str]] = {}

    def run(act: Callable[[str], float], name: str) -> None:
        with counted() as made:
            took[act.__name__].append(act(name))
        calls[act.__name__] = Counter(made)

    for _ in range(rounds):
        for putting, reading in zip(put, read, strict=True):
            name = bench.stream()
            run(putting, name)
            run(reading, name)
            bench.client.delete_stream(StreamName=name)
    count = len(bench.data)
    size = sum(map(len, bench.data)) / count
    print(f"{count:,} messages of {size:.0f} bytes, {bench.shards} shards, {rounds} runs\n")
    print("| what | messages/s | of the loop by hand | calls per 1,000 messages |")
    print("|---|--:|--:|---|")
    for hand, ours in (put, read):
        for act in (hand, ours):
            pairs = zip(took[hand.__name__], took[act.__name__], strict=True)
            ratio = statistics.median(base / mine for base, mine in pairs)
            rate = count / statistics.median(took[act.__name__])
            per = ", ".join(
                f"{name} {number / count * 1000:.2f}"
                for name, number in sorted(calls[act.__name__].items())
                if number / count * 1000 >= 0.1
            )
            label = act.__name__.replace("_", " ")
            print(f"| {label} | {rate:,.0f} | {ratio:.2f} | {per} |", flush=True)


if __name__ == "__main__":
    main()
