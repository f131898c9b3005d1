"""A flow from file to file in a process of its own, to be signalled.

    python signal_child.py FOLDER SITUATION

It says ``there`` when it is in the situation to be interrupted, and at the end its report.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from geowatch_core import Broker, provision
from geowatch_core.consumer import Consumer
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from tests.flow.channel import Kept
from tests.flow.codec import JSON


def there() -> None:
    """Say that the situation has come."""
    print("there", flush=True)


class Blocked(Kept):
    """A destination that does not return."""

    def _deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        there()
        time.sleep(60)
        return [CONFIRMED] * len(messages)


class LongPoll(Consumer):
    """A source whose service holds a call as long as it is asked to."""

    def _consume(self, count: int, timeout: float) -> list[Message]:
        there()
        time.sleep(timeout)
        return []

    def _ack(self, messages: Sequence[Message]) -> None: ...

    def _nack(self, messages: Sequence[Message]) -> None: ...


class Working(Broker):
    """Takes its time over every batch."""

    def process(self, messages: list[Message]) -> None:
        """Work for a while."""
        if messages:
            there()
            time.sleep(0.3)


class Idle(Broker):
    """Says so when it has nothing to do."""

    def process(self, messages: list[Message]) -> None:
        """Look whether there is anything."""
        if not messages:
            there()


def main(folder: Path, situation: str) -> None:
    """Run until a signal comes; or, to see what was left, until the source ends."""
    last = situation == "to the end"
    source: Consumer = provision(
        backend="file", role="consumer", path=folder / "in.jsonl", codec="json", follow=not last
    )
    sink = provision(backend="file", role="producer", path=folder / "out.jsonl", codec="json")
    kind, options = Broker, {"count": 10, "drain_timeout": 5.0}
    match situation:
        case "idle":
            kind = Idle
        case "working":
            kind = Working
        case "blocked":
            sink, options["drain_timeout"] = Blocked(), 1.0
        case "blocked for long":
            sink, options["drain_timeout"] = Blocked(), 50.0
        case "long poll":
            source = LongPoll(name="poll", codec=JSON)
            options["timeout"] = 60.0
    print(kind(consumers=[source], producers=[sink], **options).run(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
