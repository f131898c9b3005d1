"""``run --workers``: the same brokers in several processes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from geowatch_core.cli import workers
from geowatch_core.cli.workers import Workers
from tests.core.cli.command import numbers, run, start, write

WAITING = """
name = "waiting"
consumers = [{ backend = "memory", topic = "nothing-comes" }]
producers = [{ backend = "file", path = "out.txt" }]
"""


RUNNING = """
name = "running"
consumers = [{ backend = "file", path = "in.jsonl", follow = true, remember = false }]
producers = [{ backend = "memory", topic = "t" }]
best_effort = true
"""
"""Says how many it has consumed: from then on it surely listens to signals."""


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def read_until(stream: "subprocess.Popen[str]", wanted: set[str]) -> None:
    """Read what a process prints until all of these were in it."""
    assert stream.stdout is not None
    missing = set(wanted)
    for line in stream.stdout:
        missing = {text for text in missing if text not in line}
        if not missing:
            return
    raise AssertionError(f"never printed: {missing}")


def children(process: "subprocess.Popen[str]") -> list[int]:
    """The processes that a process has started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not listed.exists():
        pytest.skip("which processes another one has started is known on Linux only")
    return [int(pid) for pid in listed.read_text().split()]


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_workers_run_are_started_again_and_stop_together(tmp_path: Path) -> None:
    """Three run; one that is killed is replaced; SIGTERM ends them all, and the exit code is 0."""
    write(tmp_path, "a.toml", RUNNING)
    numbers(tmp_path, 10)
    crew = start(tmp_path, "run", "a.toml", "--workers", "3")
    read_until(crew, {f"[{number}] running: 10 consumed" for number in (1, 2, 3)})
    first = children(crew)
    assert len(first) == 3
    os.kill(first[1], signal.SIGKILL)
    until(lambda: len(set(children(crew)) - set(first)) == 1, "a new worker")
    read_until(crew, {"[2] running: 10 consumed"})
    crew.send_signal(signal.SIGTERM)
    out, err = crew.communicate(timeout=60)
    assert crew.returncode == 0, err
    assert "Worker 2 died with exit code 137; it is started again in 0.5 s." in err
    assert set(re.findall(r"\[(\d)\] running: stopped", out)) == {"1", "2", "3"}


def test_a_mistake_is_said_once(tmp_path: Path) -> None:
    """The first worker says what is wrong with a configuration, and no second one does."""
    write(tmp_path, "a.toml", WAITING.replace("topic", "topik"))
    done = run(tmp_path, "run", "a.toml", "--workers", "3")
    assert done.returncode == 2
    assert done.stderr.count("topik: is not an option here") == 1
    assert "[2]" not in done.stderr + done.stdout


def test_a_channel_that_does_not_open_is_said_once(tmp_path: Path) -> None:
    """Where the first worker cannot open a channel, no second one tries."""
    write(tmp_path, "a.toml", WAITING.replace("out.txt", "no/such/folder/out.txt"))
    done = run(tmp_path, "run", "a.toml", "--workers", "3")
    assert done.returncode == 3
    assert "[1] geowatch-core: " in done.stderr
    assert "[2]" not in done.stderr + done.stdout


def test_workers_end_when_their_sources_do(tmp_path: Path) -> None:
    """A worker that is done is not started again, and when all are done so is the command."""
    write(
        tmp_path,
        "a.toml",
        """
        consumers = [{ backend = "file", path = "in.jsonl", remember = false }]
        producers = [{ backend = "memory", topic = "t" }]
        best_effort = true
        """,
    )
    numbers(tmp_path, 10)
    done = run(tmp_path, "run", "a.toml", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"^\[(\d)\] .*ended", done.stdout, re.MULTILINE)) == {"1", "2"}


def test_workers_leave_when_who_looks_after_them_is_gone(tmp_path: Path) -> None:
    """After kill -9 of the command its workers stop by themselves."""
    write(tmp_path, "a.toml", WAITING)
    crew = start(tmp_path, "run", "a.toml", "--workers", "2")
    read_until(crew, {"[1] waiting: ", "[2] waiting: "})
    orphans = children(crew)
    crew.kill()
    crew.communicate(timeout=60)
    until(lambda: all(map(gone, orphans)), "the end of the workers")


def test_a_worker_that_keeps_dying_ends_all(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """After several deaths soon after a start nobody is started again; its code is the command's.

    Its other worker works on until it is stopped.
    """
    monkeypatch.setattr(workers, "_BASE", 0.01)
    program = (
        "import os, sys, time\n"
        "try:\n"
        "    os.mkdir('well')\n"  # whoever comes first lives
        "except FileExistsError:\n"
        "    sys.exit(7)\n"
        "print('here', flush=True)\n"
        "time.sleep(60)\n"
    )
    assert Workers([sys.executable, "-c", program], 2).run() == 143
    err = capfd.readouterr().err
    assert "Worker 2 died 5 times soon after its start, the last time with exit code 7." in err


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the programs of these tests leave what they make."""
    monkeypatch.chdir(tmp_path)
