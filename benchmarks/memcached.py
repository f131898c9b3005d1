"""What memcached costs: a store against pymemcache by hand, and a window that brokers share.

Usage: python benchmarks/memcached.py [ROUNDS]

It starts a memcached of its own on loopback.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pymemcache.client.base import Client

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from geowatch_core import (
    Broker,
    Deduplicate,
    Message,
    Store,
    provision,
    provision_store,
)
from geowatch_core.memory import _driver
from tools.local import HOST
from tools.memcached_server import MemcachedServer

COUNT = 20_000
BATCH = 500
DATA = [b'{"id": "%d", "mag": 4.5, "place": "%s"}' % (n, b"x" * 200) for n in range(COUNT)]


def store_by_hand(client: Client) -> float:
    """One set for each batch, its reply awaited."""
    started = time.perf_counter()
    for start in range(0, COUNT, BATCH):
        client.set("latest", b"\n".join(DATA[start : start + BATCH]))
    return time.perf_counter() - started


def store(kept: Store) -> float:
    """The same by a store."""
    batches = [[Message(data) for data in DATA[at : at + BATCH]] for at in range(0, COUNT, BATCH)]
    started = time.perf_counter()
    for batch in batches:
        kept.write(batch)
    return time.perf_counter() - started


def window_by_hand(client: Client) -> float:
    """The obvious loop: an add for each message, and a set when it was delivered."""
    client.flush_all()
    started = time.perf_counter()
    for number in range(COUNT):
        client.add(f"seen/{number}", b"mine", 3600)
    for number in range(COUNT):
        client.set(f"seen/{number}", b"done", 3600)
    return time.perf_counter() - started


def route(deduplicate: bool | Deduplicate) -> float:
    """From a topic to another."""
    _driver.clear()
    source = provision("memory", "consumer", topic="in", codec="json", until_empty=True)
    _driver.topic("in").put([Message(data) for data in DATA], None)
    sink = provision("memory", "producer", topic="out", codec="json")
    broker = Broker(consumers=[source], producers=[sink], deduplicate=deduplicate, count=BATCH)
    started = time.perf_counter()
    assert broker.run().delivered == COUNT
    return time.perf_counter() - started


def shared(client: Client, port: int) -> float:
    """With a window in memcached."""
    client.flush_all()
    seen = provision_store("memcached", host=HOST, port=port, key="seen")
    return route(Deduplicate(key="id", shared=seen))


def main(rounds: int = 5) -> None:
    """Measure, interleaved, and print two tables."""
    with (
        tempfile.TemporaryDirectory() as folder,
        MemcachedServer(Path(folder), "-m", "256") as server,
        provision_store(
            "memcached", host=HOST, port=server.port, key="latest", codec="json"
        ) as kept,
    ):
        client = Client((HOST, server.port), default_noreply=False, timeout=5)
        stores = {
            "by hand: pymemcache set": lambda: store_by_hand(client),
            "store.write": lambda: store(kept),
        }
        table(f"{COUNT // BATCH} documents of {BATCH} messages", stores, rounds)
        windows = {
            "by hand: pymemcache add, then set, no flow": lambda: window_by_hand(client),
            "memory to memory, no deduplication": lambda: route(deduplicate=False),
            "with a window in this process": lambda: route(Deduplicate(key="id")),
            "with a window in memcached": lambda: shared(client, server.port),
        }
        table(f"{COUNT:,} messages in batches of {BATCH}", windows, rounds)
        client.close()


def table(title: str, contenders: dict[str, Callable[[], float]], rounds: int) -> None:
    """Time each, one after the other in every round."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            times[name].append(run())
    medians = {name: statistics.median(each) for name, each in times.items()}
    first = next(iter(medians.values()))
    print(f"\n{title}, median of {rounds} interleaved rounds\n")
    print("| who | µs a message | times as fast as by hand |\n|---|--:|--:|")
    for name, seconds in medians.items():
        print(f"| {name} | {seconds / COUNT * 1e6:.2f} | {first / seconds:.2f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
