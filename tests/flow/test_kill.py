"""kill -9 at any point of a flow from file to file, and nothing is lost."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import PROFILE
from tests.flow.quakes_child import COUNT, IN_FLIGHT, STEPS

PROGRAM = Path(__file__).with_name("quakes_child.py")
KILLED = -9
KILLS = 60 if PROFILE == "long" else 8
NUMBERS = (1, 2, 3, 5, 8) if PROFILE == "long" else (2,)


def write(folder: Path, count: int) -> None:
    """Numbered messages: every fourth is weak, and every 50th is no message at all."""
    with (folder / "in.jsonl").open("w") as file:
        for n in range(count):
            file.write(f'{{"n": {n}, oops}}\n' if bad(n) else f'{{"n": {n}, "mag": {n % 4}}}\n')


def bad(n: int) -> bool:
    """Whether that message does not decode."""
    return n % 50 == 17


def start(folder: Path, *failpoint: object) -> "subprocess.Popen[str]":
    """The flow in a child process."""
    return subprocess.Popen(
        [sys.executable, PROGRAM, folder, *map(str, failpoint)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )


def finish(child: "subprocess.Popen[str]") -> tuple[int, str]:
    """How it ended, and what it said."""
    out, err = child.communicate(timeout=60)
    assert "Traceback" not in err, err
    return child.returncode, out


def numbers(path: Path) -> Counter[int]:
    """How often each number stands in a file of whole lines; a torn last line is none."""
    whole = path.read_bytes().rpartition(b"\n")[0].split(b"\n") if path.exists() else []
    lines = [json.loads(line) for line in whole if line]
    return Counter(
        int(line["data"].split(":")[1].split(",")[0]) if "data" in line else line["n"]
        for line in lines
    )


def settled(folder: Path) -> int:
    """How many messages the source will not bring again."""
    memory = folder / "in.jsonl.position"
    text = memory.read_text() if memory.exists() else ""
    offset = json.loads(text)["offset"] if text else 0
    return (folder / "in.jsonl").read_bytes()[:offset].count(b"\n")


def lost(folder: Path, upto: int) -> tuple[set[int], set[int]]:
    """Which of the first `upto` messages neither destination nor dead letter has."""
    good = {n for n in range(upto) if n % 4 and not bad(n)}
    dead = {n for n in range(upto) if bad(n)}
    return good - set(numbers(folder / "out.jsonl")), dead - set(numbers(folder / "dead.jsonl"))


def duplicates(folder: Path) -> int:
    """How many messages were delivered more often than once, each time counted."""
    counted = numbers(folder / "out.jsonl") + numbers(folder / "dead.jsonl")
    return counted.total() - len(counted)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("step", STEPS)
def test_kill_at_every_step_loses_nothing(tmp_path, step, number):
    """Killed at any step: what the source has forgotten is at its destination, the rest comes."""
    total = COUNT * IN_FLIGHT * (number + 1)  # acks of batches in flight may be one
    write(tmp_path, total)
    assert finish(start(tmp_path, step, number))[0] == KILLED
    assert lost(tmp_path, settled(tmp_path)) == (set(), set())
    code, said = finish(start(tmp_path))
    assert (code, lost(tmp_path, total)) == (0, (set(), set())), said
    assert settled(tmp_path) == total
    assert duplicates(tmp_path) <= COUNT * IN_FLIGHT


@pytest.mark.timeout(1200)
def test_kills_at_random_moments_lose_nothing(tmp_path):
    """Killed again and again at random: nothing is lost, and little is delivered twice."""
    seed = random.SystemRandom().randrange(2**32) if PROFILE == "long" else 20_150_301
    print(f"seed {seed}")
    chance, total, kills = random.Random(seed), 2_500 * KILLS, 0
    write(tmp_path, total)
    while kills < KILLS:
        child = start(tmp_path)
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        child.kill()
        if finish(child)[0] == 0:
            break  # done before the blow: no more kills are possible
        kills += 1
        assert lost(tmp_path, settled(tmp_path)) == (set(), set())
    assert kills == KILLS, f"{kills} kills: the file was too short for this machine"
    code, said = finish(start(tmp_path))
    assert (code, lost(tmp_path, total)) == (0, (set(), set())), said
    twice = duplicates(tmp_path)
    print(f"{kills} kills, {total} messages, {twice} delivered again")
    assert twice <= kills * COUNT * IN_FLIGHT


def test_run_after_the_end_brings_nothing_again(tmp_path):
    """A flow that ended by itself delivers nothing when it is started again."""
    write(tmp_path, 100)
    for _ in range(2):
        assert finish(start(tmp_path))[0] == 0
    assert duplicates(tmp_path) == 0


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_destination_is_synced_before_the_position_is_moved(tmp_path):
    """The order on disk: the destination's fsync, then the position's fsync, rename and folder."""
    write(tmp_path, 10)
    log = tmp_path / "strace.log"
    subprocess.run(
        ["strace", "-f", "-y", "-e", "trace=write,fsync,rename,renameat,renameat2", "-o", log,
         sys.executable, PROGRAM, tmp_path],
        check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        timeout=60,
    )  # fmt: skip
    calls = re.compile(r"(write|fsync|rename)\w*\((.*)")
    steps = []
    for call, given in calls.findall(log.read_text()):
        what = next((w for w in ("out.jsonl", ".position.new") if w in given), None)
        steps.append(f"{call} {what or ('folder' if f'{tmp_path}>' in given else 'other')}")
    first = steps.index("write out.jsonl")
    assert [step for step in steps[first:] if step != "fsync folder"][:5] == [
        "write out.jsonl",
        "fsync out.jsonl",
        "write .position.new",
        "fsync .position.new",
        "rename .position.new",
    ]
    assert steps[steps.index("rename .position.new") + 1] == "fsync folder"
