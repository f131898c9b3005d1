"""Killed at every step and at random: nothing confirmed is lost, and no half line stays."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from geowatch_core import CONFIRMED
from tests.core.file.files import consumer, messages, producer
from tests.core.file.strace import traced

LINES = [b"line %d " % i + b"x" * 50 for i in range(7)]

FLOW = """
import sys
from pathlib import Path
from tests.core.file.test_crash import flow
flow(Path(sys.argv[1]))
"""


def flow(folder: Path) -> None:
    """Move every line from one file to another, three at a time, as a broker does."""
    with consumer(folder / "in") as source, producer(folder / "out") as sink:
        while not source.exhausted:
            batch = source.consume(3, 0)
            outcomes = sink.deliver(batch)
            assert set(outcomes) <= {CONFIRMED}
            source.ack(batch)


@pytest.mark.parametrize("call", ["fsync", "write", "renameat", "ftruncate"])
def test_killed_at_each_system_call_it_loses_nothing(tmp_path: Path, call: str) -> None:
    """Killed at every Nth call and started again, each line is there, whole and in order."""
    number, killed = 0, True
    while killed:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "in").write_bytes(b"".join(line + b"\n" for line in LINES))
        done = traced(tmp_path / "log", FLOW, folder, inject=f"{call}:signal=SIGKILL:when={number}")
        killed = done.returncode in {-9, 137}
        assert killed or done.returncode == 0, done.stderr
        flow(folder)
        found = (folder / "out").read_bytes().split(b"\n")
        assert found.pop() == b""
        assert [line for i, line in enumerate(found) if line not in found[:i]] == LINES
        assert max(Counter(found).values()) <= 2
        left = sorted(path.name for path in folder.iterdir())
        assert left == ["in", "in.position", "out"]
    assert number > 3  # it was killed at least at three different steps


APPEND = """
import sys
from tests.core.file.files import messages, producer
batch = messages(*[b"y" * 299] * 10_000)
with producer(sys.argv[1]) as sink:
    while True:
        assert len(set(sink.deliver(batch))) == 1
        print(len(batch), flush=True)
"""


def test_killed_while_it_appends_it_leaves_no_half_line(tmp_path: Path) -> None:
    """SIGKILL cuts a large write short: every confirmed line is there then, and no half one."""
    path = tmp_path / "out"
    seed = random.randrange(1 << 32)
    print("seed", seed)  # shown if the test fails, to repeat it
    chance = random.Random(seed)
    confirmed = 0
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", APPEND, path], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout
        first = child.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        child.kill()
        confirmed += sum(map(int, [first, *child.stdout.read().split()]))
        child.wait()
        child.stdout.close()
        with producer(path) as sink:
            sink.deliver(messages(b"y" * 299))
        confirmed += 1
        content = path.read_bytes()
        assert content == (b"y" * 299 + b"\n") * (len(content) // 300)
        assert len(content) // 300 >= confirmed


def test_a_last_append_cut_at_any_byte_is_mended(tmp_path: Path) -> None:
    """Wherever it was cut, the whole lines before the cut stay and nothing else does."""
    path = tmp_path / "out"
    before, batch = b"first\n", [b"second", b"third", b"4"]
    written = b"".join(line + b"\n" for line in batch)
    for cut in range(len(written) + 1):
        path.write_bytes(before)
        with producer(path) as sink:
            sink.deliver(messages(*batch))
            os.truncate(path, len(before) + cut)
            sink.deliver(messages(b"next"))
        whole = written[: written.rfind(b"\n", 0, cut) + 1]
        assert path.read_bytes() == before + whole + b"next\n"


TWO = """
import sys
from tests.core.file.files import messages, producer
who = sys.argv[2].encode()
with producer(sys.argv[1], timeout=60) as sink:
    for i in range(100):
        batch = messages(*[who + b" %d " % n + b"z" * 200 for n in range(20 * i, 20 * i + 20)])
        assert len(set(sink.deliver(batch))) == 1
"""


def test_several_processes_append_to_one_file(tmp_path: Path) -> None:
    """No line is torn by another's, none is lost, and each process keeps its order."""
    path = tmp_path / "out"
    children = [
        subprocess.Popen([sys.executable, "-c", TWO, path, name], stderr=subprocess.PIPE)
        for name in ("a", "b", "c")
    ]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    found = path.read_bytes().split(b"\n")
    assert found.pop() == b""
    for name in (b"a", b"b", b"c"):
        mine = [line for line in found if line.startswith(name)]
        assert mine == [name + b" %d " % n + b"z" * 200 for n in range(2000)]
    assert len(found) == 6000


GROW = """
import sys
from geowatch_core.codecs import JsonCodec
from tests.core.file.files import messages, store
with store(sys.argv[1], JsonCodec(), append=True, timeout=60) as kept:
    for n in range(30):
        assert len(set(kept.write(messages(b'"%s %d"' % (sys.argv[2].encode(), n))))) == 1
"""


def test_several_processes_add_to_one_document(tmp_path: Path) -> None:
    """Who reads, adds and replaces keeps others from doing so meanwhile: nothing is overwritten."""
    path = tmp_path / "kept.json"
    children = [
        subprocess.Popen([sys.executable, "-c", GROW, path, name], stderr=subprocess.PIPE)
        for name in ("a", "b")
    ]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    found = path.read_bytes()
    for name in (b"a", b"b"):
        places = [found.index(b'"%s %d"' % (name, n)) for n in range(30)]
        assert places == sorted(places)
    assert found.count(b'"') == 120
