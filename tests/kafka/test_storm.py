"""A rebalance storm: consumers join, leave and die while messages flow."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

from tests.conftest import PROFILE
from tests.kafka.raw import Raw, datas
from tests.kafka.route import (
    SOON,
    Route,
    duplicates,
    ended,
    lost,
    numbered,
    reaches,
)
from tools.local import Server

EVENTS, LOAD = (20, 1_000) if PROFILE == "long" else (4, 200)
MEMBERS = 3


def test_a_rebalance_storm_loses_nothing(raw: Raw, topic: str, tmp_path: Path) -> None:
    """Whoever joins, leaves or dies, each message arrives, and what is committed has arrived."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    source, target = raw.create(f"{topic}-in", 6), raw.create(topic, 6)
    where = {"backend": "kafka", "host": raw.host}
    consumer = {**where, "topic": source, "group": topic, "config": SOON}
    route = Route(tmp_path, consumer, {**where, "topic": target}, count=20, sleep_period=0.01)
    sent = kills = 0

    def arrived() -> int:
        return sum(raw.ends(target).values())

    crew: list[Server] = [route.start() for _ in range(MEMBERS)]
    try:
        for _ in range(EVENTS):
            raw.put(source, numbered(LOAD, sent))
            sent += LOAD
            reaches(arrived, min(arrived() + chance.randrange(1, LOAD), sent), route)
            event = chance.choice(["join", "leave", "kill"])
            if event == "join" or len(crew) < 2:
                crew.append(route.start())
            elif event == "leave":
                leaver = crew.pop(chance.randrange(len(crew)))
                os.kill(leaver.pid, signal.SIGTERM)
                ended(leaver)
            else:
                crew.pop(chance.randrange(len(crew))).kill()
                kills += 1
            committed = sum(raw.committed(source, topic).values())
            assert committed <= len(set(datas(raw.read(target))))
        reaches(lambda: sent - len(lost(datas(raw.read(target)), sent)), sent, route)
    finally:
        for member in crew:
            member.kill()
    data = datas(raw.read(target))
    print(f"{EVENTS} events, {kills} kills, {sent} messages, {duplicates(data)} duplicates")
    assert not lost(data, sent)
