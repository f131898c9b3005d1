"""The server dies, or freezes, while messages flow: nothing is lost, and it goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import PROFILE
from tests.kafka.raw import Raw, datas
from tests.kafka.route import SOON, Route, duplicates, in_order, lost, numbered, reaches, terminate
from tools.kafka import Kafka, Unavailable

KILLS, FREEZE, LOAD = (3, 20.0, 5_000) if PROFILE == "long" else (1, 4.0, 1_000)
RESUMES = 30.0
"""Seconds within which the flow must go on; on a machine with little to do it is 10."""


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A server of this test alone, to be killed."""
    try:
        server = Kafka(tmp_path)
    except Unavailable as error:
        pytest.skip(f"a killed or frozen server: {error}")
    with server:
        yield server


def test_a_killed_and_a_frozen_server_lose_nothing(
    own_kafka: Kafka, tmp_path: Path, topic: str
) -> None:
    """After kill -9 and SIGSTOP of the server in mid-flow all arrives, soon and by itself."""
    with Raw(own_kafka.host) as raw:
        source, target = raw.create(f"{topic}-in", 3), raw.create(topic, 3)
        where = {"backend": "kafka", "host": own_kafka.host}
        consumer = {**where, "topic": source, "group": topic, "config": SOON}
        producer = {**where, "topic": target}
        route = Route(tmp_path, consumer, producer, count=20, sleep_period=0.01)
        sent = 0

        def arrived() -> int:
            return sum(raw.ends(target).values())

        def feed() -> None:
            nonlocal sent
            raw.put(source, numbered(LOAD, sent))
            sent += LOAD

        with route.running() as process:
            for _ in range(KILLS):
                feed()
                reaches(arrived, sent - LOAD + 1, route)
                own_kafka.kill()
                own_kafka.start()
                _resumes(arrived, sent, route, "kill -9")
            feed()
            reaches(arrived, sent - LOAD + 1, route)
            own_kafka.freeze()
            time.sleep(FREEZE)  # what is tested is this time itself
            own_kafka.thaw()
            _resumes(arrived, sent, route, f"SIGSTOP for {FREEZE:g} s")
            # What came twice counts twice above: wait for each of them, too.
            reaches(lambda: sent - len(lost(datas(raw.read(target)), sent)), sent, route)
            assert terminate(process)[0] == 0
        data = datas(raw.read(target))
        print(f"{KILLS} kills, {sent} messages, {duplicates(data)} duplicates")
        assert not lost(data, sent)
        assert in_order(data)


def _resumes(arrived: Callable[[], int], sent: int, route: Route, what: str) -> None:
    began, before = time.monotonic(), arrived()
    if before < sent:
        reaches(arrived, before + 1, route)
        took = time.monotonic() - began
        print(f"{what}: the flow went on after {took:.1f} s")
        assert took < RESUMES
    reaches(arrived, sent, route)
