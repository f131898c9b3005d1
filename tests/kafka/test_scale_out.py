"""Several processes with one group share the partitions of a topic."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from tests.conftest import PROFILE
from tests.kafka.raw import Raw, datas
from tests.kafka.route import STEADY, Route, in_order, lost, numbered, reaches, terminate
from tools.kafka import Kafka
from tools.local import until

LOAD = 3_000 if PROFILE == "long" else 800


def test_workers_share_partitions_and_lose_nothing_when_one_dies_and_one_joins(
    real_kafka: Kafka, raw: Raw, topic: str, tmp_path: Path
) -> None:
    """With 4 partitions and 3 workers, one killed and one added, all arrives in order by key."""
    source, target = raw.create(f"{topic}-in", 4), raw.create(topic, 4)
    where = {"backend": "kafka", "host": real_kafka.host}
    route = Route(
        tmp_path,
        {**where, "topic": source, "group": topic, "config": STEADY},
        {**where, "topic": target, "partitioner": "consistent"},
        count=20,
        sleep_period=0.02,
        arguments=("--workers", "3"),
    )
    more = tmp_path / "more"
    more.mkdir()
    one_more = Route(
        more,
        {**where, "topic": source, "group": topic, "config": STEADY},
        {**where, "topic": target, "partitioner": "consistent"},
        count=20,
        sleep_period=0.02,
    )
    sent = 0

    def feed() -> None:
        nonlocal sent
        raw.put(source, numbered(LOAD, sent))
        sent += LOAD

    def arrived() -> int:
        return sum(raw.ends(target).values())

    def here() -> int:
        return sent - len(lost(datas(raw.read(target)), sent))

    with route.running() as crew:
        until(lambda: raw.members(topic) == 3, "three workers that have partitions")
        feed()
        reaches(arrived, 1, route)
        os.kill(_workers(crew.pid)[0], signal.SIGKILL)
        feed()
        reaches(arrived, sent - LOAD + 1, route)
        with one_more.running() as added:
            until(lambda: raw.members(topic) == 4, "a fourth member that has a partition")
            feed()
            reaches(here, sent, route)
            assert terminate(added)[0] == 0
        assert "it is started again" in route.said()
        assert terminate(crew)[0] == 0, route.said()
    data = datas(raw.read(target))
    assert not lost(data, sent)
    assert in_order(data)
    worked = re.findall(r"^\[(\d)\]   consumed +[1-9]", route.said(), re.MULTILINE)
    assert len(set(worked)) >= 2, route.said()[-3000:]


def _workers(pid: int) -> list[int]:
    """The processes that the command has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
