"""A route in a process of its own, as `geowatch-core run` runs it, and what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from geowatch_core.message import Message
from tools.local import Server, until

PATIENCE = 60.0
SOON = {"session.timeout.ms": 1500, "heartbeat.interval.ms": 300}
"""Settings by which a killed member of a group is soon known to be dead."""
STEADY = {"session.timeout.ms": 8000, "heartbeat.interval.ms": 1000}
"""Settings by which a member that only waits for a processor is not taken to be dead."""
KEYS = 7
IN_FLIGHT = 4


def numbered(count: int, first: int = 0) -> list[Message]:
    """Messages that say which they are, spread over a few keys."""
    return [Message(b"%08d" % n, key=b"key %d" % (n % KEYS)) for n in range(first, first + count)]


class Route:
    """One consumer and one producer, run by the command.

    Args:
        folder: for the configuration and the log.
        source: the table of the consumer.
        target: the table of the producer.
        broker: what else stands in the broker's table.
        arguments: more arguments of ``run``.
    """

    def __init__(
        self,
        folder: Path,
        source: Mapping[str, Any],
        target: Mapping[str, Any],
        *,
        count: int = 50,
        arguments: Sequence[str] = (),
        **broker: Any,
    ) -> None:
        self.count = count
        self.log = folder / "route.log"
        table = {"name": "route", "count": count, **broker}
        document = {"brokers": [{**table, "consumers": [source], "producers": [target]}]}
        file = folder / "route.json"
        file.write_text(json.dumps(document))
        self._command = [sys.executable, "-m", "geowatch_core", "run", str(file), *arguments]

    def start(self) -> Server:
        """Another process of it."""
        return Server(self._command, ready=lambda: True, log=self.log).start()

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        """A process of it, killed in the end if it is still there."""
        server = self.start()
        try:
            yield server
        finally:
            server.kill()

    def said(self) -> str:
        """What its processes have printed."""
        return self.log.read_text(errors="replace")


def ended(server: Server, patience: float = PATIENCE) -> int:
    """The exit code of a process that ends by itself."""
    process = server._process
    assert process is not None
    return process.wait(patience)


def terminate(server: Server) -> tuple[int, float]:
    """SIGTERM; its exit code, and the seconds until it had ended."""
    began = time.monotonic()
    os.kill(server.pid, signal.SIGTERM)
    return ended(server), time.monotonic() - began


def reaches(count: Callable[[], int], wanted: int, route: Route) -> None:
    """Wait until so many messages have arrived."""
    try:
        until(lambda: count() >= wanted, f"{wanted} messages", PATIENCE)
    except TimeoutError as error:
        raise AssertionError(f"{error}; there are {count()}\n{route.said()[-3000:]}") from error


def lost(arrived: Iterable[bytes], count: int) -> set[int]:
    """The numbers that are missing."""
    return set(range(count)) - {int(data) for data in arrived}


def duplicates(arrived: Iterable[bytes]) -> int:
    """How many came more than once, each time counted."""
    return sum(times - 1 for times in Counter(arrived).values())


def in_order(arrived: Iterable[bytes]) -> bool:
    """Whether the numbers of each key came in order, not counting what came again."""
    last: dict[int, int] = {}
    seen: set[int] = set()
    for data in arrived:
        number = int(data)
        if number in seen:
            continue
        seen.add(number)
        if number < last.get(number % KEYS, -1):
            return False
        last[number % KEYS] = number
    return True
