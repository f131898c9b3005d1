"""A flow to or from Slack in a process of its own, to be killed.

python child.py produce|digest|consume FOLDER URL CHANNEL
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from geowatch_core import Broker, Retry, provision

COUNT, IN_FLIGHT = 10, 2
TOKEN = "xoxb-canary-child"


def main(what: str, folder: Path, url: str, channel: str) -> None:
    """Run the flow: to its end if it produces, for ever if it consumes."""
    slack: dict[str, Any] = {"topic": f"#{channel}", "token": TOKEN, "base_url": url}
    source: Any
    sink: Any
    if what == "consume":
        more = {"position": str(folder / "position"), "start": "earliest", "poll": 0.05}
        source = provision("slack", "consumer", codec="plain", own=True, **slack, **more)
        sink = provision("file", "producer", path=folder / "out.txt", codec="plain")
    else:
        source = provision("file", "consumer", path=folder / "in.jsonl", codec="json")
        more = {"per_second": 1e3, "digest": what == "digest", "patience": 0.0}
        sink = provision("slack", "producer", template="{id}", **slack, **more)
    retry = Retry(attempts=1_000, base=0.01, cap=0.1)
    broker = Broker(
        consumers=[source], producers=[sink], count=COUNT, in_flight=IN_FLIGHT, retry=retry
    )
    broker.run()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
