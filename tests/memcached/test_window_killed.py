"""Brokers that share a window, and memcached with it, die at any moment: nothing is lost."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import PROFILE
from tests.memcached.twins import NAMES, Twins, kill
from tools.memcached_server import MemcachedServer

LONG = PROFILE == "long"
LEASE = 2.0
"""Seconds that the other one waits after each kill."""


def seed() -> random.Random:
    """Chance, whose seed is printed."""
    number = random.SystemRandom().randrange(2**32) if LONG else 20_150_301
    print(f"seed {number}")
    return random.Random(number)


def test_twins_deliver_each_message_once(tmp_path: Path, memcached: MemcachedServer) -> None:
    """Two brokers whose streams overlap deliver every message, and none of them twice."""
    twins = Twins(tmp_path)
    twins.feed(900)
    twins.finish(memcached.port, lease=60)
    assert twins.settled() == set(range(900))
    assert twins.lost() == set()
    assert twins.duplicates == 0


@pytest.mark.timeout(1200)
def test_brokers_killed_at_random_lose_nothing(tmp_path: Path, own: MemcachedServer) -> None:
    """Kill -9 of either broker, again and again: what a source let go of was delivered."""
    chance, kills, midway = seed(), 40 if LONG else 4, 0
    twins = Twins(tmp_path)
    with running(twins, own.port) as children:
        for _ in range(kills):
            twins.feed(425)
            time.sleep(chance.uniform(0, 0.15))  # when the blow falls, and not how long to wait
            name = chance.choice(NAMES)
            kill(children[name])
            midway += len(twins.settled()) < twins.total
            assert twins.lost() == set()
            children[name] = twins.start(name, own.port, lease=LEASE, follow=True)
    twins.finish(own.port, lease=LEASE)
    print(
        f"{kills} kills, {midway} of them midway, {twins.total} messages, "
        f"{twins.duplicates} delivered again"
    )
    assert set(twins.delivered()) == set(range(twins.total))
    assert twins.settled() == set(range(twins.total))


def freeze(server: MemcachedServer, chance: random.Random) -> None:
    """Have it answer nothing for a while."""
    server.freeze()
    time.sleep(chance.uniform(0.1, 1.5))
    server.thaw()


def restart(server: MemcachedServer, chance: random.Random) -> None:
    """Have it forget everything."""
    server.kill()
    time.sleep(chance.uniform(0, 0.5))
    server.start()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("disturb", [freeze, restart])
def test_memcached_disturbed_at_random_loses_nothing(
    tmp_path: Path,
    own: MemcachedServer,
    disturb: Callable[[MemcachedServer, random.Random], None],
) -> None:
    """SIGSTOP or kill -9 of memcached in the middle of the run: no message is lost."""
    chance, times = seed(), 20 if LONG else 2
    twins = Twins(tmp_path)
    with running(twins, own.port):
        for _ in range(times):
            twins.feed(425)
            time.sleep(chance.uniform(0, 0.15))
            disturb(own, chance)
            assert twins.lost() == set()
    twins.finish(own.port, lease=LEASE)
    print(f"{times} times, {twins.total} messages, {twins.duplicates} delivered again")
    assert set(twins.delivered()) == set(range(twins.total))


@contextmanager
def running(twins: Twins, port: int) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Both of them, until the context ends and they are killed."""
    twins.feed(30)
    children: dict[str, subprocess.Popen[str]] = {}
    try:
        for name in NAMES:
            children[name] = twins.start(name, port, lease=LEASE, follow=True)
        yield children
    finally:
        for child in children.values():
            kill(child)
