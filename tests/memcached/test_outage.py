"""A broker that delivers to memcached, while memcached dies, stands still and comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geowatch_core import Broker, Message, Report, Retry, provision
from tests.memcached.raw import Raw
from tools.local import HOST, until
from tools.memcached_server import MemcachedServer


@pytest.fixture
def single(logs: Path) -> Iterator[MemcachedServer]:
    """A memcached of one thread: what it was sent while it stood still, it does before all else."""
    server = MemcachedServer(logs, "-t", "1").start()
    yield server
    server.kill()


@contextmanager
def frozen(server: MemcachedServer) -> Iterator[None]:
    """It stands still for as long as the context lasts."""
    server.freeze()
    yield
    server.thaw()


@contextmanager
def dead(server: MemcachedServer) -> Iterator[None]:
    """It is killed, and started again without what it held."""
    server.kill()
    yield
    server.start()


@pytest.mark.parametrize("outage", [frozen, dead])
def test_outage_in_the_middle_of_a_run_is_waited_out(
    tmp_path: Path, single: MemcachedServer, key: str, outage: Callable[..., Iterator[None]]
) -> None:
    """The file gets every message once, memcached the newest; nothing is acked in between."""
    feed = provision("memory", "producer", topic=key, codec="json")
    source = provision("memory", "consumer", topic=key, codec="json")
    kept = provision("file", "producer", path=str(tmp_path / "out.jsonl"), codec="json")
    latest = provision(
        "memcached",
        "store",
        key=key,
        host=HOST,
        port=single.port,
        codec="json",
        which="last",
        timeout=0.3,
    )
    broker = Broker(
        consumers=[source],
        producers=[kept],
        stores_out=[latest],
        retry=Retry(attempts=10_000, base=0.02, cap=0.1, time=100),
        timeout=0.05,
        count=10,
    )
    reports: list[Report] = []
    running = threading.Thread(target=lambda: reports.append(broker.run()))
    running.start()
    numbers = iter(range(1_000))

    def put() -> bytes:
        batch = [Message.of({"n": next(numbers)}) for _ in range(25)]
        feed.deliver(batch)
        return json.dumps(batch[-1].value).encode()

    def holds(document: bytes) -> Callable[[], bool]:
        return lambda: json.loads(Raw(single.port).get(key) or b"0") == json.loads(document)

    try:
        for _ in range(2):
            until(holds(put()), "memcached has the newest")
            retries = broker.report.retries
            with outage(single):
                newest = put()
                until(lambda: broker.destinations[1].retries > retries, "it is tried again")  # noqa: B023 - called at once
            until(holds(newest), "memcached has the newest again")
    finally:
        broker.stop()
        running.join(60)
    feed.close()
    (report,) = reports
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(100))
    assert (report.delivered, report.given_back, report.conserved) == (100, 0, True)
