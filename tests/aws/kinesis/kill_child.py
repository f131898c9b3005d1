"""A flow in a process of its own, to be killed: ``kill_child.py SOURCE DESTINATION``.

Both are the options of a role as JSON. It says ``working`` when messages have come for the first
time, and at the end ``stopped``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from geowatch_core import Broker, hookimpl, provision


class Working:
    """Says so when messages have come."""

    def __init__(self) -> None:
        self._said = False

    @hookimpl
    def geowatch_consumed(self) -> None:
        """A batch is in flight from now on."""
        if not self._said:
            self._said = True
            say("working")


def say(what: str) -> None:
    """Tell whoever has started this."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    """Run until a signal comes."""
    source: dict[str, Any]
    source, destination = (json.loads(text) for text in sys.argv[1:])
    consumer = provision(**{"role": "consumer", "codec": "plain", **source})
    sink: Any = provision(**{"codec": "plain", **destination})
    ends = {"stores_out" if destination["role"] == "store" else "producers": [sink]}
    broker = Broker(consumers=[consumer], count=10, plugins=[Working()], **ends)  # type: ignore[arg-type]
    broker.run()
    say("stopped")


if __name__ == "__main__":
    main()
