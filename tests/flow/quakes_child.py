"""A flow from file to file in a process of its own, to be killed.

    python quakes_child.py FOLDER [STEP NUMBER]

With STEP and NUMBER, the process kills itself at that call of that step: the failpoints live here,
not in what they prove.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geowatch_core import Broker, provision
from geowatch_core.filter import where
from geowatch_core.hookspec import hookimpl

COUNT, IN_FLIGHT = 20, 4
STAGES = ("consume", "decode", "filter", "transform", "encode", "deliver", "ack")
CALLS = ("fsync", "rename", "write")
STEPS = [
    *(f"{when} {what}" for what in (*STAGES, *CALLS) for when in ("before", "after")),
    "within write",
]


def die(*_: object) -> None:
    """End as if the power of this process were cut."""
    os.kill(os.getpid(), signal.SIGKILL)


def with_failpoint(holder: Any, name: str, when: str, number: int) -> None:
    """Have the call `number` of a function end the process, before or after its work."""
    real: Callable[..., Any] = getattr(holder, name)
    calls = itertools.count(1)

    def wrapped(*given: Any, **named: Any) -> Any:
        last = next(calls) == number
        if last and when == "before":
            die()
        if last and when == "within":
            descriptor, payload = given
            real(descriptor, payload[: len(payload) // 2])
            die()
        answer = real(*given, **named)
        if last:
            die()
        return answer

    setattr(holder, name, wrapped)


class Ready:
    @hookimpl
    def geowatch_started(self) -> None:
        """Say that the flow begins."""
        print("started", flush=True)


def main(folder: Path, step: str = "", number: str = "0") -> None:
    """Run the flow to its end, or to the failpoint."""
    broker = Broker(
        "quakes",
        consumers=[
            provision(backend="file", role="consumer", path=folder / "in.jsonl", codec="json")
        ],
        producers=[
            provision(backend="file", role="producer", path=folder / "out.jsonl", codec="json")
        ],
        dead_letter=provision(
            backend="file", role="producer", path=folder / "dead.jsonl", codec="json"
        ),
        filter=where("mag") >= 1,
        transform=lambda value: value | {"seen": True} if value["n"] % 3 == 0 else value,
        count=COUNT,
        in_flight=IN_FLIGHT,
        plugins=[Ready()],
    )
    if step:
        when, what = step.split()
        with_failpoint(os if what in CALLS else Broker, what, when, int(number))
    print(broker.run(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
