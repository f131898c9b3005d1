"""A process that uses a role and dies without closing it.

``python -m geowatch_core.testing.child`` reads one JSON object from its standard input and
writes one to its standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED
from geowatch_core.provision import provision
from geowatch_core.testing.raw import RawCodec
from geowatch_core.testing.verdict import ConformanceError, not_proven

__all__ = ["python", "run"]

_LONGEST = 60.0


def run(job: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Have another process do a job, and die of it; its answer.

    Raises:
        ConformanceError: it failed.
    """
    __tracebackhide__ = True
    given = {name: value for name, value in options.items() if name != "codec"}
    try:
        text = json.dumps({**job, "options": given})
    except TypeError as error:
        not_proven(f"what outlives a process: the harness's options are not plain values: {error}")
    return python(["-m", "geowatch_core.testing.child"], text, str(job["backend"]))


def python(arguments: Sequence[str], given: str, backend: str) -> Any:
    """What a Python process of the same environment answers, as JSON.

    Raises:
        ConformanceError: it failed.
    """
    __tracebackhide__ = True
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if not done.stdout:
        raise ConformanceError(
            f"In a process of its own {backend} failed:\n{done.stderr}",
            expected="what works in this process",
            fix="Keep the backend free of what only one process has, or claim persistent=False.",
        )
    return json.loads(done.stdout)


def _deliver(job: Mapping[str, Any], role: Any) -> Any:
    outcomes = role.deliver([Message(bytes.fromhex(data)) for data in job["messages"]])
    return [None if outcome is CONFIRMED else str(outcome) for outcome in outcomes]


def _consume(job: Mapping[str, Any], role: Any) -> Any:
    """Consume everything and ack the first few."""
    from geowatch_core.testing.consumer_base import gather

    messages = gather(role, job["count"], job["patience"])
    role.ack(messages[: job["ack"]])
    return [message.data.hex() for message in messages]


def main() -> None:
    """Do the job, answer, and leave without a goodbye."""
    job = json.load(sys.stdin)
    # The codec is not what is tested: bytes go as they are.
    role = provision(job["backend"], job["role"], **{**job["options"], "codec": RawCodec()})
    answer = _consume(job, role) if job["role"] == "consumer" else _deliver(job, role)
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
