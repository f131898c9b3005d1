"""How promptly a route from Kafka to Kafka is, and in how much memory it runs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.kafka_bed import PARTITIONS, Bench
from benchmarks.kafka_loop import CONSUMER, KEEP, as_they_are, loop
from geowatch_core import Broker, provision, where


def route(kind: str, host: str, source: str, target: str, group: str) -> None:
    """Half of what is measured below, in a process of its own: source to target until killed."""
    if kind == "raw":
        for _ in loop(host, source, target, group, as_they_are):
            pass
    both = {"host": host, "codec": "plain" if kind == "plain" else "geojson"}
    Broker(
        consumers=[provision("kafka", "consumer", topic=source, group=group, **both)],
        producers=[provision("kafka", "producer", topic=target, **both)],
        filter=None if kind == "plain" else where("properties.mag") >= KEEP,
    ).run()


def running(kind: str, bench: Bench, source: str, target: str) -> subprocess.Popen[bytes]:
    """That process."""
    more = ["--route", kind, bench.host, source, target, uuid.uuid4().hex]
    return subprocess.Popen([sys.executable, Path(__file__).with_name("kafka.py"), *more])


def latency(host: str, rate: int = 200, seconds: int = 20) -> None:
    """From the call of produce on the source to the message in hand from the target."""
    bench = Bench(host, 1000)
    print(f"{rate} messages a second for {seconds} s, milliseconds from source to target\n")
    print("| who | p50 | p95 | p99 |")
    print("|---|--:|--:|--:|")
    for kind in ("raw", "plain", "raw", "plain"):
        source, target = bench.topic(), bench.topic()
        process = running(kind, bench, source, target)
        took = sorted(_delays(host, source, target, rate, rate * seconds))
        process.kill()
        process.wait()
        p50, p95, p99 = (took[int(len(took) * p)] * 1e3 for p in (0.5, 0.95, 0.99))
        name = "by hand" if kind == "raw" else "plain, no filter"
        print(f"| {name} | {p50:.2f} | {p95:.2f} | {p99:.2f} |", flush=True)


def _delays(host: str, source: str, target: str, rate: int, count: int) -> list[float]:
    settings = {"bootstrap.servers": host}
    reader = Consumer({**CONSUMER, **settings, "group.id": "reader"})
    reader.assign([TopicPartition(target, n, 0) for n in range(PARTITIONS)])
    sender = Producer({**settings, "linger.ms": 0, "acks": "all"})
    sender.produce(source, b"0 0")  # it runs when this is through
    while not reader.consume(1, 0.1):
        sender.poll(0)
    warm = 5 * rate

    def send() -> None:
        began = time.perf_counter()
        for number in range(warm + count):
            time.sleep(max(began + number / rate - time.perf_counter(), 0))
            sender.produce(source, b"%d %d" % (number, time.perf_counter_ns()))
            sender.poll(0)
        sender.flush()

    thread = threading.Thread(target=send)
    thread.start()
    delays: list[float] = []
    seen = 0
    while seen < warm + count:
        for message in reader.consume(100, 0.001):
            now = time.perf_counter_ns()
            number, sent = map(int, message.value().split())
            seen += 1
            if number >= warm:
                delays.append((now - sent) / 1e9)
    thread.join()
    reader.close()
    return delays


def memory(host: str, total: int = 2_000_000) -> None:
    """How much memory a route has on its way through two million messages."""
    bench = Bench(host, 100_000)
    source, target = bench.topic(), bench.topic()
    process = running("filter", bench, source, target)
    data, expected = bench.data, bench.expected
    samples = []
    for part in range(1, total // 100_000 + 1):
        bench.fill(source, data)
        while bench.held(target) < part * expected:
            time.sleep(0.1)
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        samples.append(pages * 4096 / 2**20)
        print(f"{part * 100_000:>10,} messages  {samples[-1]:6.1f} MiB", flush=True)
    process.kill()
    process.wait()
    tenth = samples[len(samples) // 10]
    print(f"{tenth:.1f} MiB at a tenth of the way, never more than {max(samples) - tenth:.1f} more")
