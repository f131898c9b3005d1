"""Kafka to Kafka on a real server: a broker against the loop that its user would write by hand.

200,000 GeoJSON features of about 290 bytes wait in a topic of four partitions. Every contender
consumes them, keeps those of magnitude 1.2 or more (about half), delivers these to another topic,
waits until the server has confirmed them, and only then commits what it consumed: at least once.
The loops by hand have the same settings of the client that GeoWatch has by itself.

``python benchmarks/kafka.py [--rivals] [--latency] [--memory] [--rounds N] [--messages N]``
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition, libversion
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from geowatch_core import Broker, provision, where  # noqa: E402 - after the path is set
from tools.kafka import VERSION, Kafka, java_version  # noqa: E402
from tools.local import cache  # noqa: E402

QUAKES = ROOT / "examples/quakes/usgs-earthquakes-week.geojson"
PROPERTIES = ("mag", "place", "time", "status", "net", "magType", "type", "sig", "tz")
KEEP = 1.2
PARTITIONS = 4
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
    "linger.ms": 0,
    "delivery.report.only.error": True,
    "partitioner": "murmur2_random",
}


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
        self._admin = AdminClient({"bootstrap.servers": host, "log_level": 2})
        self.source = self.topic()
        data = features(count)
        self.expected = sum(strong(orjson.loads(item)) for item in data)
        self.bytes = sum(map(len, data)) / count
        self.fill(self.source, data)

    def topic(self) -> str:
        """A fresh topic."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        self._admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
        while len(self._admin.list_topics(name, timeout=10).topics[name].partitions) < PARTITIONS:
            time.sleep(0.05)
        time.sleep(0.3)
        return name

    def drop(self, name: str) -> None:
        """Have the server forget a topic."""
        self._admin.delete_topics([name])[name].result(30)

    def fill(self, topic: str, data: list[bytes]) -> None:
        """Put messages in, spread over all partitions."""
        producer = Producer({"bootstrap.servers": self.host, "linger.ms": 20})
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

    def by_hand(self, target: str, work: Callable[[list[Any]], list[bytes]]) -> float:
        """The loop: consume, work, produce, wait for all confirmations, commit."""
        group = uuid.uuid4().hex
        consumer = Consumer({**CONSUMER, "bootstrap.servers": self.host, "group.id": group})
        failed: list[Any] = []
        producer = Producer(
            {
                **PRODUCER,
                "bootstrap.servers": self.host,
                "on_delivery": lambda error, _: failed.append(error),
            }
        )
        consumer.subscribe([self.source])
        left, began = self.count, 0.0
        while left:
            messages = consumer.consume(1, 1.0)
            if not messages:
                continue
            began = began or time.perf_counter()
            messages += consumer.consume(BATCH - 1, 0)
            for message in messages:
                if message.error() is not None:
                    raise RuntimeError(message.error())
            for data in work(messages):
                producer.produce(target, data)
            producer.flush()
            if failed:
                raise RuntimeError(failed[0])
            consumer.commit(asynchronous=False)
            left -= len(messages)
        took = time.perf_counter() - began
        consumer.close()
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
        watch = Until(self.count)
        broker = Broker(
            "bench", consumers=[source], producers=[sink], filter=chosen, plugins=[watch]
        )
        watch.broker = broker
        report = broker.run()
        if report.consumed != self.count:
            raise RuntimeError(f"{report}")
        return watch.took


class Until:
    """Stops a broker that has settled so many messages; times it from the first one."""

    def __init__(self, count: int) -> None:
        from geowatch_core import hookimpl

        self.broker: Broker | None = None
        self._left = count
        self._began = 0.0
        self.took = 0.0

        def geowatch_consumed(messages: list[Any]) -> None:
            self._began = self._began or time.perf_counter()

        def geowatch_settled(messages: list[Any]) -> None:
            self._left -= len(messages)
            if not self._left and self.broker is not None:
                self.took = time.perf_counter() - self._began
                self.broker.stop()

        self.geowatch_consumed = hookimpl(geowatch_consumed)
        self.geowatch_settled = hookimpl(geowatch_settled)


def keep_raw(messages: list[Any]) -> list[bytes]:
    """Hand all bytes on."""
    return [message.value() for message in messages]


def keep_strong(messages: list[Any]) -> list[bytes]:
    """Decode everything, keep half, encode that."""
    loads, dumps = orjson.loads, orjson.dumps
    kept = []
    for message in messages:
        feature = loads(message.value())
        magnitude = feature["properties"]["mag"]
        if magnitude is not None and magnitude >= KEEP:
            kept.append(dumps(feature))
    return kept


@contextmanager
def server(folder: str) -> Iterator[Kafka]:
    """A Kafka to be measured: with the better compiler, and more memory."""
    with Kafka(Path(folder), quick=False) as running:
        yield running


RIVALS = ("FastStream", "Quix Streams", "mq-bridge")
HAND, RAW = "by hand: orjson loads, test, dumps", "by hand: bytes as they are"


def main() -> None:
    """Print the tables of `benchmarks/README.md`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--only", default="", help="contenders with this in their names")
    parser.add_argument("--route", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.route:
        route(*given.route)
        return
    with tempfile.TemporaryDirectory() as folder, server(folder) as kafka:
        if given.latency:
            latency(kafka.host)
        elif given.memory:
            memory(kafka.host)
        else:
            bench = Bench(kafka.host, given.messages)
            throughput(bench, given.rounds, given.only, rivals=given.rivals)


def throughput(bench: Bench, rounds: int, only: str, *, rivals: bool) -> None:
    """All contenders in turn, again and again."""
    declarative = where("properties.mag") >= KEEP
    contenders: dict[str, tuple[str, int, Callable[[str], float]]] = {
        HAND: (HAND, bench.expected, lambda t: bench.by_hand(t, keep_strong)),
        "geojson, declarative filter": (
            HAND,
            bench.expected,
            lambda t: bench.with_broker(t, "geojson", declarative),
        ),
        "geojson, the filter as a function": (
            HAND,
            bench.expected,
            lambda t: bench.with_broker(t, "geojson", strong),
        ),
        "json, the filter as a function": (
            HAND,
            bench.expected,
            lambda t: bench.with_broker(t, "json", strong),
        ),
        RAW: (RAW, bench.count, lambda t: bench.by_hand(t, keep_raw)),
        "plain, no filter": (RAW, bench.count, lambda t: bench.with_broker(t, "plain", None)),
    }
    if rivals:
        for name in RIVALS:
            contenders[name] = (HAND, bench.expected, partial(with_rival, bench, name))
    seconds: dict[str, list[float]] = {name: [] for name in contenders if only in name}
    for _ in range(rounds):
        for name, took in seconds.items():
            target = bench.topic()
            gc.collect()
            took.append(contenders[name][2](target))
            delivered = bench.held(target)
            if delivered != contenders[name][1]:
                raise RuntimeError(f"{name}: {delivered} delivered, not {contenders[name][1]}")
            bench.drop(target)
    print(
        f"{bench.count:,} messages of {bench.bytes:.0f} bytes, median of {rounds} interleaved "
        f"runs; Apache Kafka {VERSION} on Java {java_version()}, librdkafka {libversion()[0]}, "
        f"Python {sys.version.split()[0]}\n"
    )
    print("| who | messages/s | of the loop by hand | delivered |")
    print("|---|--:|--:|--:|")
    for name, took in seconds.items():
        base = seconds.get(contenders[name][0]) or took
        ratio = statistics.median(b / t for b, t in zip(base, took, strict=True))
        rate = bench.count / statistics.median(took)
        print(f"| {name} | {rate:,.0f} | {ratio:.2f} | {contenders[name][1]:,} |", flush=True)


def with_rival(bench: Bench, name: str, target: str) -> float:
    """The same with somebody else's library, in a process and an environment of its own."""
    python = rivals_python()
    group = uuid.uuid4().hex
    command = [python, ROOT / "benchmarks/kafka_rivals.py", name, bench.host, bench.source]
    done = subprocess.run(
        [*map(str, command), target, group, str(bench.count)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def rivals_python() -> Path:
    """A Python that has the rivals, made once."""
    folder = cache() / "rivals"
    python, wanted = folder / "bin/python", ROOT / "benchmarks/rivals.txt"
    made = folder / wanted.name
    if not made.exists() or made.read_text() != wanted.read_text():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
        made.write_text(wanted.read_text())
    return python


# --- how promptly, and in how much memory ---------------------------------------------------------


def route(kind: str, host: str, source: str, target: str, group: str) -> None:
    """Half of what is measured below, in a process of its own: source to target until killed."""
    if kind == "raw":
        settings = {"bootstrap.servers": host}
        consumer = Consumer({**CONSUMER, **settings, "group.id": group})
        producer = Producer({**PRODUCER, **settings})
        consumer.subscribe([source])
        while True:
            messages = consumer.consume(1, 1.0)
            if messages:
                messages += consumer.consume(BATCH - 1, 0)
                for message in messages:
                    producer.produce(target, message.value())
                producer.flush()
                consumer.commit(asynchronous=False)
    arriving = provision("kafka", "consumer", topic=source, host=host, group=group)
    Broker(
        consumers=[arriving],
        producers=[provision("kafka", "producer", topic=target, host=host)],
        filter=None if kind == "plain" else where("properties.mag") >= KEEP,
    ).run()


def running(kind: str, bench: Bench, source: str, target: str) -> subprocess.Popen[bytes]:
    """That process."""
    more = ["--route", kind, bench.host, source, target, uuid.uuid4().hex]
    return subprocess.Popen([sys.executable, __file__, *more])


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
    warm = 2 * rate

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
    data, expected = features(100_000), bench.expected
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


if __name__ == "__main__":
    main()
