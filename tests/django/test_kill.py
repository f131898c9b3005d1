"""kill -9 of the writer, of the drain and of the database: nothing is lost, nothing is made up."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROFILE
from tests.django import databases
from tests.django.test_project import Project, lines, made
from tests.django.worker import bad
from tools.local import until

WORKER = Path(__file__).with_name("worker.py")
KILLS = {"sqlite": 13, "postgresql": 13} if PROFILE == "long" else {"sqlite": 1, "postgresql": 1}
"""Of the writer, and as many of the drain."""
PATIENCE = 240.0
SERVER_KILLS = 10 if PROFILE == "long" else 3


class Flow:
    """A writer and a drain of one project, started again as often as they are killed."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.out = folder / "out.jsonl"
        self.said = folder / "said"
        self.complaints = folder / "complaints"
        self.children: list[subprocess.Popen[str]] = []

    def confirmed(self) -> list[int]:
        """The numbers whose commit has returned to the writer."""
        whole = self.said.read_text().rpartition("\n")[0] if self.said.exists() else ""
        return [int(line) for line in whole.split()]

    def delivered(self) -> Counter[int]:
        """How often each number is in the file."""
        return Counter(value["number"] for value in lines(self.out))

    def committed(self) -> set[int]:
        """The numbers that the database itself has."""
        return {number for (number,) in self.project.raw.run("SELECT number FROM quakes_quake")}

    @contextmanager
    def running(self, command: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """A worker, killed with SIGKILL at the end of the context."""
        with self.said.open("a") as said, self.complaints.open("a") as complaints:
            child = subprocess.Popen(
                [sys.executable, WORKER, command, *map(str, arguments)],
                env=self.project.environment,
                stdout=said if command == "write" else complaints,
                stderr=complaints,
                text=True,
            )
            self.children.append(child)
            try:
                yield child
                self.alive()  # it was there to be hit
            finally:
                self.children.remove(child)
                child.kill()
                child.wait()

    def alive(self) -> None:
        """Fail with what the workers have said, if one of them has ended by itself."""
        said = self.complaints.read_text()[-5000:]
        assert all(child.poll() is None for child in self.children), said

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds, and no longer than the workers live."""

        def looked() -> bool:
            self.alive()
            return holds()

        try:
            until(looked, what, PATIENCE)
        except TimeoutError:
            print(self.complaints.read_text()[-5000:])
            raise

    def wait_for_more(self, more: int) -> None:
        """Wait until so many commits more have returned to the writer."""
        goal = len(self.confirmed()) + more
        self.wait(lambda: len(self.confirmed()) >= goal, "the writer has committed")

    def writer(self) -> Any:
        """A writer that never ends, going on behind all that was written."""
        first = max([*self.committed(), *self.confirmed(), -1]) + 1
        return self.running("write", first, 10**9)

    def drain(self) -> Any:
        """A broker that never ends."""
        return self.running("follow", self.out)

    def finish(self) -> None:
        """Drain what is left, and see that everything is there that should be, and no more."""
        done = self.project.run(WORKER, "drain", self.out)
        assert done.returncode == 0, done.stderr
        committed, delivered = self.committed(), self.delivered()
        lost, made_up = committed - set(delivered), set(delivered) - committed
        print(f"{len(committed)} committed, {delivered.total() - len(delivered)} duplicates")
        assert set(self.confirmed()) <= committed
        assert (lost, made_up) == (set(), set())
        assert not any(map(bad, delivered))
        assert self.project.waiting() == 0
        assert len(committed) > 20


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killing_writer_and_drain_loses_and_invents_nothing(
    kind: str, tmp_path: Path, migrated: set[str]
) -> None:
    """What committed is delivered, and what rolled back or was cut off in the middle never is."""
    seed = random.SystemRandom().randrange(2**32) if PROFILE == "long" else 20_151_219
    print(f"seed {seed}")
    chance = random.Random(seed)
    flow = Flow(made(kind, tmp_path, migrated, {}), tmp_path)
    for _ in range(KILLS[kind]):
        with flow.writer(), flow.drain():
            flow.wait_for_more(chance.randrange(5, 60))
            time.sleep(chance.uniform(0, 0.05))
    print(f"{2 * KILLS[kind]} kills")
    flow.finish()


@pytest.mark.timeout(900)
def test_killing_the_database_loses_and_invents_nothing(tmp_path: Path, migrated: set[str]) -> None:
    """Writer and drain live on, find it again, and go on where they were."""
    flow = Flow(made("postgresql", tmp_path, migrated, {}), tmp_path)
    with flow.writer(), flow.drain():
        for _ in range(SERVER_KILLS):
            flow.wait_for_more(20)
            flow.wait(lambda: bool(flow.delivered()), "the drain has delivered")
            databases.postgres().kill()
            databases.postgres().start()
        flow.wait_for_more(20)
        known = len(flow.delivered())
        flow.wait(lambda: len(flow.delivered()) > known, "the drain has delivered again")
    print(f"{SERVER_KILLS} kills of the server")
    flow.finish()


@pytest.mark.long
def test_two_drains_at_once_deliver_each_message_once(tmp_path: Path, migrated: set[str]) -> None:
    """In processes of their own, on PostgreSQL: no message is taken by both."""
    flow = Flow(made("postgresql", tmp_path, migrated, {}), tmp_path)
    flow.project.send(*({"number": number} for number in range(500)))
    outs = [tmp_path / f"{name}.jsonl" for name in "ab"]
    children = [flow.project.start(WORKER, "drain", out) for out in outs]
    for child in children:
        _, complained = child.communicate(timeout=100)
        assert child.returncode == 0, complained
    numbers = [value["number"] for out in outs for value in lines(out)]
    assert sorted(numbers) == list(range(500))
    assert flow.project.waiting() == 0
