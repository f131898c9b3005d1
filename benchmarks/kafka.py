"""Kafka to Kafka on a real server: a broker against the loop that its user would write by hand.

200,000 GeoJSON features of about 290 bytes wait in a topic of four partitions. Every contender
consumes them, keeps those of magnitude 1.2 or more (about half), delivers these to another topic,
waits until the server has confirmed them, and only then commits what it consumed: at least once.
The loops by hand have the same settings of the client that GeoWatch has by itself.

``python benchmarks/kafka.py [--rivals | --latency | --memory] [--rounds N] [--messages N]``
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import libversion

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.kafka_bed import Bench, strong
from benchmarks.kafka_flow import latency, memory, route
from benchmarks.kafka_loop import KEEP, as_they_are, kept
from benchmarks.kafka_race import race
from geowatch_core import where
from tools.kafka import VERSION, Kafka, java_version


@contextmanager
def server(folder: str) -> Iterator[Kafka]:
    """A Kafka to be measured: with the better compiler, and more memory."""
    with Kafka(Path(folder), quick=False) as running:
        yield running


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
        elif given.rivals:
            race(Bench(kafka.host, given.messages), Path(folder), given.rounds, given.only)
        else:
            bench = Bench(kafka.host, given.messages)
            throughput(bench, given.rounds, given.only)


def throughput(bench: Bench, rounds: int, only: str) -> None:
    """All contenders in turn, again and again."""
    declarative = where("properties.mag") >= KEEP
    contenders: dict[str, tuple[str, int, Callable[[str], float]]] = {
        HAND: (HAND, bench.expected, lambda t: bench.by_hand(t, kept)),
        f"{HAND}, 2,000 at a time": (
            HAND,
            bench.expected,
            lambda t: bench.by_hand(t, kept, 2_000),
        ),
        f"{HAND}, 10,000 at a time": (
            HAND,
            bench.expected,
            lambda t: bench.by_hand(t, kept, 10_000),
        ),
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
        RAW: (RAW, bench.count, lambda t: bench.by_hand(t, as_they_are)),
        f"{RAW}, 2,000 at a time": (
            RAW,
            bench.count,
            lambda t: bench.by_hand(t, as_they_are, 2_000),
        ),
        "plain, no filter": (RAW, bench.count, lambda t: bench.with_broker(t, "plain", None)),
    }
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


if __name__ == "__main__":
    main()
