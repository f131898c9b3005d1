"""A process of its own that produces or consumes, and may be killed at a certain step.

Usage: python worker.py produce|consume PATH DIE_AT FIRST END LEASE GO

It begins when there is something at GO.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from geowatch_core import CONFIRMED, Message, provision_consumer, provision_producer

BATCH = 5


class Fate:
    """Kills this process, beyond any cleaning up, as it comes to a certain step.

    A step is a statement that SQLite comes to run, or a word that comes to be said.
    """

    def __init__(self, deadly: int) -> None:
        self._deadly = deadly
        self._steps = count(1)

    def step(self) -> bool:
        """Whether this is the last one. The thread that renews the lease does not count."""
        mine = threading.current_thread() is threading.main_thread()
        return mine and next(self._steps) == self._deadly

    def say(self, what: str, numbers: Iterable[int]) -> None:
        """Tell the test; if this is the last step, that it was done and nobody was told."""
        last = self.step()
        sys.stdout.write(f"{'unsaid-' * last}{what} {' '.join(map(str, numbers))}\n")
        sys.stdout.flush()
        if last:
            self.kill()

    def watch(self) -> None:
        """Count the statements of every connection from now on."""
        fate = self

        class Watched(sqlite3.Connection):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.set_trace_callback(lambda _: fate.kill() if fate.step() else None)

        sqlite3.connect = partial(sqlite3.connect, factory=Watched)  # type: ignore[assignment]  # to be killed between its statements

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        os.kill(os.getpid(), signal.SIGKILL)


def produce(path: str, numbers: range, fate: Fate) -> None:
    """Deliver numbers, and say which are confirmed."""
    with provision_producer("sqlite", path=path, topic="numbers", timeout=30) as queue:
        for batch in (numbers[i : i + BATCH] for i in range(0, len(numbers), BATCH)):
            outcomes = queue.deliver([Message(b"%d" % number) for number in batch])
            assert outcomes == [CONFIRMED] * len(batch)
            fate.say("confirmed", batch)


def consume(path: str, lease: float, fate: Fate) -> None:
    """Consume and ack until nobody has anything left, and say what."""
    options: dict[str, Any] = {"lease": lease, "until_empty": True, "timeout": 30}
    with provision_consumer("sqlite", path=path, topic="numbers", **options) as queue:
        while not queue.exhausted:
            messages = queue.consume(BATCH)
            numbers = [int(message.data) for message in messages]
            fate.say("consumed", numbers)
            time.sleep(0.005)  # the work, while which nobody else may get them
            queue.ack(messages)
            fate.say("acked", numbers)


if __name__ == "__main__":
    role, path, deadly, first, end, lease, go = sys.argv[1:]
    fate = Fate(int(deadly))
    while not Path(go).exists():
        time.sleep(0.001)
    fate.watch()
    if role == "produce":
        produce(path, range(int(first), int(end)), fate)
    else:
        consume(path, float(lease), fate)
