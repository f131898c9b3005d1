"""A process that reads a stream together with others, and logs what it was brought.

``python -m tests.aws.kinesis.worker OPTIONS LOG``: every batch is appended to the log by one write,
then acked. With a third argument it acks only when a line comes in, and answers with one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from geowatch_core import provision_consumer


def main() -> None:
    """Consume until SIGTERM, or what is asked for by lines."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    with provision_consumer("kinesis", **options) as consumer:
        _say("ready")
        if len(sys.argv) > 3:
            _by_lines(consumer)
            return
        while not stopping:
            messages = consumer.consume(50, 0.2)
            if messages:
                os.write(log, b"".join(message.data + b"\n" for message in messages))
                consumer.ack(messages)
    _say("stopped")


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _by_lines(consumer: Any) -> None:
    messages: list[Any] = []
    for line in sys.stdin:
        if line.strip() == "consume":
            while not messages:
                messages = consumer.consume(100, 5.0)
            _say(len(messages))
        elif line.strip() == "ack":
            consumer.ack(messages)
            _say("acked")


if __name__ == "__main__":
    main()
