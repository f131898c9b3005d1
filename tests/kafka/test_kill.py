"""kill -9 of our process, anywhere between two services: nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROFILE
from tests.kafka.raw import Raw, datas
from tests.kafka.route import (
    IN_FLIGHT,
    SOON,
    STEADY,
    Route,
    duplicates,
    in_order,
    lost,
    numbered,
    reaches,
    terminate,
)

KILLS, MESSAGES = (25, 20_000) if PROFILE == "long" else (2, 1_500)


class Ends:
    """A source with all messages in it, and a target; each a file or a topic."""

    def __init__(self, folder: Path, raw: Raw, topic: str) -> None:
        self.folder = folder
        self.raw = raw
        self.topic = topic
        self.file = folder / "target.txt"

    def from_file(self) -> dict[str, Any]:
        """A file of lines that is followed, so that the route never ends by itself."""
        path = self.folder / "source.txt"
        path.write_bytes(b"".join(m.data + b"\n" for m in numbered(MESSAGES)))
        return {"backend": "file", "path": str(path), "follow": True}

    def from_kafka(self, config: Mapping[str, int] = SOON) -> dict[str, Any]:
        """A topic of three partitions."""
        name = self.raw.create(f"{self.topic}-in", 3)
        self.raw.put(name, numbered(MESSAGES))
        return {
            "backend": "kafka",
            "host": self.raw.host,
            "topic": name,
            "group": name,
            "config": config,
        }

    def to_file(self) -> dict[str, Any]:
        """Another file."""
        return {"backend": "file", "path": str(self.file)}

    def to_kafka(self) -> dict[str, Any]:
        """Another topic of three partitions."""
        self.raw.create(self.topic, 3)
        return {"backend": "kafka", "host": self.raw.host, "topic": self.topic}

    def arrived(self) -> list[bytes]:
        """What is at the target, in the order of each partition."""
        if self.file.exists():
            return self.file.read_bytes().splitlines()
        return datas(self.raw.read(self.topic))

    def count(self) -> int:
        """How many there are."""
        if self.file.exists():
            return self.file.read_bytes().count(b"\n")
        return sum(self.raw.ends(self.topic).values()) if self.raw.partitions(self.topic) else 0


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param(Ends.from_file, Ends.to_kafka, id="file-to-kafka"),
        pytest.param(Ends.from_kafka, Ends.to_kafka, id="kafka-to-kafka"),
        pytest.param(Ends.from_kafka, Ends.to_file, id="kafka-to-file"),
    ],
)
def test_kill_9_loses_nothing_and_repeats_no_more_than_was_in_flight(
    source: Callable[[Ends], dict[str, Any]],
    target: Callable[[Ends], dict[str, Any]],
    tmp_path: Path,
    raw: Raw,
    topic: str,
) -> None:
    """However often the process dies, all arrives, in order by key, repeated within the bound."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    ends = Ends(tmp_path, raw, topic)
    # A moment between two cycles: it is killed on its way, and not when it is done.
    route = Route(
        tmp_path, source(ends), target(ends), count=20, in_flight=IN_FLIGHT, sleep_period=0.005
    )
    share = MESSAGES // (KILLS + 1)
    for kill in range(KILLS):
        with route.running():
            wanted = max(kill * share + chance.randrange(1, share), ends.count() + 1)
            reaches(ends.count, min(wanted, MESSAGES), route)
    with route.running() as process:
        reaches(lambda: MESSAGES - len(lost(ends.arrived(), MESSAGES)), MESSAGES, route)
        code, _ = terminate(process)
    arrived = ends.arrived()
    repeated = duplicates(arrived)
    print(f"{KILLS} kills, {MESSAGES} messages, {repeated} duplicates")
    assert code == 0
    assert not lost(arrived, MESSAGES)
    # For want of a processor it loses its partitions, too: then what was in flight comes again.
    times = KILLS + route.said().count("lost partitions")
    assert repeated <= times * IN_FLIGHT * route.count
    assert source is Ends.from_file or in_order(arrived)


def test_sigterm_under_load_repeats_nothing(tmp_path: Path, raw: Raw, topic: str) -> None:
    """Stopped again and again while messages flow, it ends soon, and no message comes twice."""
    stops, load = (10, 2_000) if PROFILE == "long" else (3, 500)
    ends = Ends(tmp_path, raw, topic)
    source = ends.from_kafka(STEADY)
    route = Route(tmp_path, source, ends.to_kafka(), count=20, sleep_period=0.005)
    for stop in range(stops):
        before = ends.count()
        raw.put(source["topic"], numbered(load, MESSAGES + stop * load))
        with route.running() as process:
            reaches(ends.count, before + 1, route)
            code, seconds = terminate(process)
            assert code == 0
            assert seconds < 30  # the drain's deadline; an idle machine needs half a second
    # One load more: a stop may have drained all there was, before a process could be stopped.
    raw.put(source["topic"], numbered(load, MESSAGES + stops * load))
    total = MESSAGES + (stops + 1) * load
    with route.running() as process:
        reaches(ends.count, total, route)
        assert terminate(process)[0] == 0
    arrived = ends.arrived()
    assert not lost(arrived, total)
    assert duplicates(arrived) == 0
    assert in_order(arrived)
