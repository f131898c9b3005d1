"""One of two brokers with overlapping streams, in a process of its own, to be killed.

    python twin_child.py FOLDER NAME PORT LEASE [follow]

It moves in-NAME.jsonl to out-NAME.jsonl, what another has not delivered before. The configuration
is one that a user would write.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from geowatch_core import provision_broker
from geowatch_core.hookspec import hookimpl

COUNT, IN_FLIGHT = 10, 4
CONFIGURATION = """
[[brokers]]
name = "{name}"
count = {count}
in_flight = {in_flight}
timeout = 0.1
retry = {{ attempts = 10000, base = 0.05, cap = 0.2, time = 300 }}

[brokers.deduplicate]
key = "n"
lease = {lease}
shared = {{ backend = "memcached", host = "127.0.0.1", port = {port}, key = "twins", timeout = 1 }}

[[brokers.consumers]]
backend = "file"
path = "{folder}/in-{name}.jsonl"
codec = "json"
follow = {follow}

[[brokers.producers]]
backend = "file"
path = "{folder}/out-{name}.jsonl"
codec = "json"
"""


class Ready:
    @hookimpl
    def geowatch_started(self) -> None:
        """Say that the flow begins."""
        print("started", flush=True)


def main(folder: Path, name: str, port: str, lease: str, *follow: str) -> None:
    """Run the flow until it ends, or for ever."""
    text = CONFIGURATION.format(
        folder=folder,
        name=name,
        port=port,
        lease=lease,
        follow="true" if follow else "false",
        count=COUNT,
        in_flight=IN_FLIGHT,
    )
    broker = provision_broker(tomllib.loads(text), plugins=[Ready()])
    print(broker.run(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
