"""Starts a Slack on loopback, breaks it, and looks at what it was sent."""

from __future__ import annotations

import http.client
import json
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tools.local import HOST, Server, free_ports, listening

__all__ = ["SlackServer", "markup"]

PROGRAM = Path(__file__).with_name("slack_server.py")


class SlackServer:
    """A Slack in a process of its own, on loopback: start, kill, freeze and look at it.

    Args:
        folder: for its log.
        rate: posts a second that a channel takes; 0 for any number.
    """

    def __init__(self, folder: Path, rate: float = 0.0) -> None:
        self.log = folder / "slack.jsonl"
        (self.port,) = free_ports(1)
        command = [sys.executable, PROGRAM, str(self.port), self.log, "--rate", str(rate)]
        self.process = Server(
            command, ready=lambda: listening(self.port), log=folder / "slack-server.txt"
        )

    @property
    def url(self) -> str:
        """What the option ``base_url`` is given."""
        return f"http://{HOST}:{self.port}/api/"

    def webhook(self, channel: str, secret: str = "B0/canary") -> str:
        """The URL of an incoming webhook of a channel."""
        return f"http://{HOST}:{self.port}/services/{channel}/{secret}"

    def posts(self, channel: str, after: int = 0) -> list[dict[str, Any]]:
        """What is in a channel, oldest first."""
        found: list[dict[str, Any]] = self._control("posts", channel=channel, after=after)
        return found

    def logged(self, channel: str) -> list[dict[str, Any]]:
        """What the log has of a channel, whether the server runs or not."""
        lines = self.log.read_bytes().split(b"\n")[:-1] if self.log.exists() else []
        entries = [json.loads(line) for line in lines]
        return [entry["message"] for entry in entries if entry["channel"] == channel]

    def put(self, channel: str, *messages: dict[str, Any]) -> None:
        """Post as people do, past the code under test."""
        self._control("put", channel=channel, messages=messages)

    def make(self, channel: str) -> None:
        """Have a channel, with nothing in it."""
        self._control("make", channel=channel)

    def fault(self, method: str, **how: Any) -> None:
        """Have calls of a method fail from now on; ``webhook`` is a method too, ``*`` is any."""
        self._control("fault", method=method, **how)

    def mend(self) -> None:
        """Let no call fail any more, and let go of those that are held."""
        self._control("mend")

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """The calls since the start: method, channel, status, and when in seconds."""
        found: list[dict[str, Any]] = self._control("requests")
        return [one for one in found if method in (None, one["method"])]

    def set(self, **what: Any) -> None:
        """Set ``rate``, ``page`` (most messages of one answer), ``archived`` or ``missing``."""
        self._control("set", **what)

    def start(self) -> SlackServer:
        """Start it; with the log that it left when it was killed."""
        self.process.start()
        return self

    def __enter__(self) -> SlackServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def _control(self, what: str, **given: Any) -> Any:
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=30)) as connection:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", f"/control/{what}", json.dumps(given), headers)
            return json.loads(connection.getresponse().read())


def markup(message: dict[str, Any]) -> list[str]:
    """Whatever of a message Slack would show as a link or as a mention."""
    parse, names = message.get("parse"), message.get("link_names")
    found = _marked(message["text"], parse != "none", bool(names) or parse == "full")
    parts: list[Any] = list(message.get("blocks", []))
    for part in parts:  # grows while it runs
        if isinstance(part, dict):
            if part.get("type") == "mrkdwn":
                verbatim = bool(part.get("verbatim"))
                found += _marked(part["text"], not verbatim, not verbatim)
            found += [part[name] for name in ("url", "image_url") if name in part]
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return found


def _marked(text: str, urls: bool, names: bool) -> list[str]:
    found = re.findall(r"<([^<>]*)>", text)
    rest = re.sub(r"<[^<>]*>", " ", text)
    if urls:
        found += re.findall(r"https?://\S+", rest)
    if names:
        found += re.findall(r"[@#][\w.-]+", rest)
    return found
