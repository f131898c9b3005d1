"""Two brokers in processes of their own, whose streams overlap by a third."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

NAMES = ("a", "b")
PROGRAM = Path(__file__).with_name("twin_child.py")


def kill(child: subprocess.Popen[str]) -> None:
    """SIGKILL; a second time does nothing."""
    child.kill()
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


class Twins:
    """Their files, and what became of every message.

    Args:
        folder: where their files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.total = 0
        self._streams: dict[str, list[int]] = {name: [] for name in NAMES}

    def feed(self, count: int) -> None:
        """Add so many messages; each stream gets two thirds of them."""
        numbers = range(self.total, self.total + count)
        self.total += count
        third = count // 3
        for name, part in (("a", numbers[: count - third]), ("b", numbers[third:])):
            self._streams[name] += part
            lines = [json.dumps({"n": n, "of": name}) + "\n" for n in part]
            with (self.folder / f"in-{name}.jsonl").open("a") as file:
                file.write("".join(lines))

    def start(self, name: str, port: int, *, lease: float, follow: bool) -> subprocess.Popen[str]:
        """One of them, once its flow has begun."""
        given = [self.folder, name, port, lease, *(["follow"] if follow else [])]
        with (self.folder / f"errors-{name}").open("a") as errors:
            child = subprocess.Popen(
                [sys.executable, PROGRAM, *map(str, given)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | {"PYTHONPATH": str(Path.cwd())},
            )
        assert child.stdout is not None
        if child.stdout.readline() != "started\n":
            kill(child)
            raise AssertionError(self.said())
        return child

    def finish(self, port: int, *, lease: float) -> None:
        """Run both to the end of their streams."""
        children = [self.start(name, port, lease=lease, follow=False) for name in NAMES]
        for child in children:
            child.communicate(timeout=100)
            assert child.returncode == 0, self.said()

    def said(self) -> str:
        """What they have written to standard error."""
        return "".join((self.folder / f"errors-{name}").read_text()[-2000:] for name in NAMES)

    def delivered(self) -> Counter[int]:
        """How often each message stands in their destinations; a torn last line is none."""
        found: Counter[int] = Counter()
        for name in NAMES:
            path = self.folder / f"out-{name}.jsonl"
            whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
            found.update(json.loads(line)["n"] for line in whole.split(b"\n") if line)
        return found

    def settled(self) -> set[int]:
        """Messages that a source will not bring again."""
        done: set[int] = set()
        for name, numbers in self._streams.items():
            memory = self.folder / f"in-{name}.jsonl.position"
            text = memory.read_text() if memory.exists() else ""
            offset = json.loads(text)["offset"] if text else 0
            data = (self.folder / f"in-{name}.jsonl").read_bytes()
            done.update(numbers[: data[:offset].count(b"\n")])
        return done

    def lost(self) -> set[int]:
        """Messages that a source has let go of, and no destination has."""
        return self.settled() - set(self.delivered())

    @property
    def duplicates(self) -> int:
        """How often a message was delivered beyond the first time."""
        delivered = self.delivered()
        return delivered.total() - len(delivered)
