"""A process of its own that produces or consumes, and may be killed as it runs a certain statement.

Usage: python worker.py produce|consume PATH DIE_AT FIRST END LEASE
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

from geowatch_core import CONFIRMED, Message, provision_consumer, provision_producer

BATCH = 5


def say(what: str, numbers: Iterable[int]) -> None:
    """Tell the test, before anything else happens."""
    sys.stdout.write(f"{what} {' '.join(map(str, numbers))}\n")
    sys.stdout.flush()


def die_at(statement: int) -> None:
    """Have this process killed, beyond any cleaning up, as SQLite comes to that statement."""
    number = count(1)

    def watch(_: str) -> None:
        if next(number) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    class Watched(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.set_trace_callback(watch)

    sqlite3.connect = partial(sqlite3.connect, factory=Watched)  # type: ignore[assignment]


def produce(path: str, numbers: range) -> None:
    """Deliver numbers, and say which are confirmed."""
    with provision_producer("sqlite", path=path, topic="numbers", timeout=30) as queue:
        for batch in (numbers[i : i + BATCH] for i in range(0, len(numbers), BATCH)):
            outcomes = queue.deliver([Message(b"%d" % number) for number in batch])
            assert outcomes == [CONFIRMED] * len(batch)
            say("confirmed", batch)


def consume(path: str, lease: float) -> None:
    """Consume and ack until nobody has anything left, and say what."""
    options: dict[str, Any] = {"lease": lease, "until_empty": True, "timeout": 30}
    with provision_consumer("sqlite", path=path, topic="numbers", **options) as queue:
        while not queue.exhausted:
            messages = queue.consume(BATCH)
            numbers = [int(message.data) for message in messages]
            say("consumed", numbers)
            queue.ack(messages)
            say("acked", numbers)


if __name__ == "__main__":
    role, path, statement, first, end, lease = sys.argv[1:]
    die_at(int(statement))
    if role == "produce":
        produce(path, range(int(first), int(end)))
    else:
        consume(path, float(lease))
