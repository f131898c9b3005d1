"""Several processes share a file, and are killed: nothing is lost, and little comes twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path

import attrs
import pytest

WORKER = Path(__file__).with_name("worker.py")
NEVER = 0
NONE = range(0)
ACKED = ("acked", "unsaid-acked")


@attrs.frozen
class Worker:
    """A worker process, and what it said."""

    role: str
    numbers: range
    process: subprocess.Popen[bytes]
    output: Path

    @classmethod
    def start(
        cls,
        role: str,
        database: Path,
        numbers: range = NONE,
        die_at: int = NEVER,
        lease: float = 0.5,
        go: Path | None = None,
    ) -> Worker:
        """Start one; its output goes to a file, which outlives it."""
        output = database.with_name(f"{uuid.uuid4().hex}.txt")
        given = (die_at, numbers.start, numbers.stop, lease, go or database.parent)
        arguments = [role, str(database), *map(str, given)]
        with output.open("wb") as file:
            process = subprocess.Popen([sys.executable, WORKER, *arguments], stdout=file)
        return cls(role, numbers, process, output)

    def wait(self) -> bool:
        """Wait for its end; whether it was killed."""
        code = self.process.wait(timeout=60)
        assert code in (0, -signal.SIGKILL), "a worker failed: see its traceback above"
        return code != 0

    def said(self, what: str) -> list[int]:
        """The numbers that it said this of."""
        lines = [line.split() for line in self.output.read_text().splitlines()]
        return [int(number) for word, *numbers in lines if word == what for number in numbers]

    @property
    def unconfirmed(self) -> range:
        """What a producer has still to deliver."""
        return self.numbers[len(self.said("confirmed")) :]


def run(role: str, database: Path, numbers: range = NONE) -> Worker:
    """A worker that nobody kills, once it has ended."""
    worker = Worker.start(role, database, numbers)
    assert not worker.wait()
    return worker


def stored(database: Path) -> list[int]:
    """The numbers that are in the file, in order; it must be sound, and nobody hold any of them."""
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("SELECT count(*) FROM geowatch_held").fetchone() == (0,)
        rows = raw.execute("SELECT data FROM geowatch_messages ORDER BY id").fetchall()
    return [int(data) for (data,) in rows]


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_producer_has_kept_what_it_confirmed(tmp_path: Path, seed: int) -> None:
    """Killed at any step and started again, it keeps each batch once: twice if it could not say."""
    rng, database, left = random.Random(seed), tmp_path / "queue.db", range(60)
    kills, unsaid = 0, []
    while (worker := Worker.start("produce", database, left, rng.randrange(12, 40))).wait():
        kills += 1
        left = worker.unconfirmed
        unsaid += worker.said("unsaid-confirmed")
    assert kills > 2, "the seed kills nobody"
    assert sorted(stored(database)) == sorted([*range(60), *unsaid])


@pytest.mark.parametrize("seed", range(2))
def test_what_a_killed_consumer_held_goes_to_another(tmp_path: Path, seed: int) -> None:
    """Killed at any step, each message is acked once: it comes again until then, and not after."""
    rng, database = random.Random(seed), tmp_path / "queue.db"
    run("produce", database, range(60))
    acked: list[int] = []
    kills, killed = 0, True
    while killed:
        worker = Worker.start("consume", database, die_at=rng.randrange(20, 120))
        killed = worker.wait()
        kills += killed
        assert set(acked).isdisjoint(worker.said("consumed"))
        acked += [number for said in ACKED for number in worker.said(said)]
    assert kills > 2, "the seed kills nobody"
    assert sorted(acked) == list(range(60))
    assert stored(database) == []


def test_each_message_goes_to_one_of_several_processes(tmp_path: Path) -> None:
    """Two producers and three consumers at once: each message once, in its producer's order."""
    database, parts = tmp_path / "queue.db", [range(60), range(60, 120), range(120, 180)]
    run("produce", database, parts[0])
    go = tmp_path / "go"
    producers = [Worker.start("produce", database, part, go=go) for part in parts[1:]]
    consumers = [Worker.start("consume", database, lease=30, go=go) for _ in range(3)]
    time.sleep(1)  # all of them are waiting by then, or else there is less of a crowd
    go.touch()
    assert not any(worker.wait() for worker in [*producers, *consumers])
    consumers.append(run("consume", database))  # the three may have found it empty and left early
    assert sorted(n for w in consumers for n in w.said("acked")) == list(range(180))
    for worker in consumers:
        for part in parts:
            mine = [number for number in worker.said("consumed") if number in part]
            assert mine == sorted(mine)
    assert stored(database) == []


def test_killing_some_of_several_processes_loses_nothing(tmp_path: Path) -> None:
    """Producers and consumers compete and are killed over and over; every message is acked."""
    rng, database = random.Random(0), tmp_path / "queue.db"

    def start(role: str, numbers: range) -> Worker:
        # A lease that a busy machine does not outlast: or else what was in time would come again.
        return Worker.start(role, database, numbers, rng.randrange(40, 90), lease=1)

    run("produce", database, range(60))
    workers = [start("produce", range(60, 120)), start("produce", range(120, 180))]
    workers += [start("consume", NONE), start("consume", NONE)]
    killed: Counter[str] = Counter()
    for worker in workers:  # which grows: a killed one is started again
        if worker.wait():
            killed[worker.role] += 1
            workers.append(start(worker.role, worker.unconfirmed))
    workers.append(run("consume", database))
    assert killed["produce"] > 1, "the seed kills nobody"  # a consumer may find nothing to do
    done = {n for worker in workers for said in ACKED for n in worker.said(said)}
    assert done == set(range(180))
    assert stored(database) == []
