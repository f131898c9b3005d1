"""A week of earthquakes as alerts, in a Slack that runs on this machine.

    python examples/quake-alert/demo.py [PICTURE.svg]

With a path, what was posted is drawn there as people would see it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from draw import picture  # noqa: E402 - beside this file

from geowatch_core import provision_brokers  # noqa: E402 - found from where this file is
from tools.slack import SlackServer  # noqa: E402 - as above

CHANNELS = ("quake-alerts", "quakes")


def posted(server: SlackServer) -> dict[str, list[dict[str, Any]]]:
    """Run the brokers of `quakes.toml` against a server; what is in the channels then."""
    os.environ |= {"SLACK_BOT_TOKEN": "xoxb-for-a-demo", "SLACK_API": server.url}
    for broker in provision_brokers(HERE / "quakes.toml"):
        print(f"{broker.name}: {broker.run()}")
    return {name: server.posts(name) for name in CHANNELS}


def main(drawing: str = "") -> None:
    """Run, and print or draw what came."""
    os.chdir(HERE.parents[1])
    with tempfile.TemporaryDirectory() as folder, SlackServer(Path(folder), rate=1.0) as server:
        channels = posted(server)
    for name, posts in channels.items():
        print(f"\n#{name}: {len(posts)} posts")
        for post in posts:
            print("  " + post["text"].replace("\n", "\n  "))
    if drawing:
        shown = [(name, posts[0]) for name, posts in channels.items()]
        Path(drawing).write_text(picture(shown))
        print(f"\n{drawing}")


if __name__ == "__main__":
    main(*sys.argv[1:])
