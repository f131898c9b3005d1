"""What the conformance kit must know of Slack: its service is a local one, looked at by HTTP."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from unittest import mock

import pytest

from geowatch_core import Consumer, Message
from geowatch_core.backend import RoleName
from geowatch_core.testing import Fault, Harness
from geowatch_slack import position
from tests.slack.conftest import TOKEN
from tools.slack import SlackServer

LATER = {"status": 500, "body": '{"ok":false,"error":"internal_error"}'}


class SlackHarness(Harness):
    """A channel of a local Slack, with a bot's token; the pace is that of a test."""

    backend: ClassVar[str] = "slack"
    driver_modules: ClassVar[Sequence[str]] = ("slack_sdk", "geowatch_slack._driver")
    largest: ClassVar[int] = 40_000
    many: ClassVar[int] = 200
    patience: ClassVar[float] = 20.0
    silence: ClassVar[float] = 0.15
    method = "chat.postMessage"

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.slack: SlackServer = request.getfixturevalue("slack_server")
        self._taken = 0
        self._consumers: list[Consumer] = []

    def start(self) -> None:
        """Have the channel, empty."""
        self.slack.make(self.unique)

    def stop(self) -> None:
        """Let Slack work again."""
        self.slack.mend()

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """No pace, and no digest: the kit looks for each message by itself."""
        both = {"topic": f"#{self.unique}", "token": TOKEN, "base_url": self.slack.url}
        if role == "consumer":
            file = str(self.folder / "position")
            return {**both, "position": file, "start": "earliest", "own": True, "poll": 0.05}
        return {**both, "per_second": 1e9, "digest": False}

    def make_consumer(self, **more: Any) -> Consumer:
        """One that remembers its position elsewhere while another one holds that file."""
        if any(not consumer._closed for consumer in self._consumers):
            more.setdefault("position", str(self.folder / f"position-{len(self._consumers)}"))
        self._consumers.append(super().make_consumer(**more))
        return self._consumers[-1]

    def secrets(self) -> Mapping[str, str]:
        """The token; the other one is not given, and then wrongly."""
        return {"token": TOKEN, "url_webhook": "canary-never-given-url"}

    def carries(self, message: Message) -> bool:
        """Text that has something to see."""
        try:
            return bool(message.data.decode().strip())
        except UnicodeDecodeError:
            return False

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Post as people do: Slack keeps three characters as entities."""
        self.slack.put(self.unique, *({"text": escape(m.data.decode())} for m in messages))

    def raw_take(self) -> list[Message]:
        """What is new in the channel."""
        new = self.slack.posts(self.unique, self._taken)
        self._taken += len(new)
        return [Message(unescape(post["text"]).encode()) for post in new]

    def break_with(self, fault: Fault) -> contextlib.AbstractContextManager[object] | None:
        """Have Slack answer otherwise; or have the disk refuse, for an ack."""
        if fault.at == "nack":
            return None  # nobody is asked
        if fault.at == "ack":
            return self._disk(fault)
        method = {
            "open": "auth.test",
            "consume": "conversations.history",
            "deliver": self.method,
        }.get(fault.at)
        return None if method is None else self._answers(method, fault)

    @contextlib.contextmanager
    def _answers(self, method: str, fault: Fault) -> Iterator[None]:
        how: dict[str, Any] = dict(LATER)
        if fault.retry_after is not None:
            how = {"status": 429, "headers": {"Retry-After": f"{fault.retry_after:g}"}}
        elif fault.kind == "permanent":
            how = {"error": "channel_not_found" if fault.indexes is None else "invalid_blocks"}
        indexes = None if fault.indexes is None else sorted(fault.indexes)
        self.slack.fault(method, indexes=indexes, **how)
        try:
            yield
        finally:
            self.slack.mend()

    def _disk(self, fault: Fault) -> contextlib.AbstractContextManager[object] | None:
        if fault.retry_after is not None:
            return None
        code = errno.ENOSPC if fault.kind == "retryable" else errno.EACCES

        def fail(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        return mock.patch.object(position.os, "fsync", fail)

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """A handful."""
        return {"max_unsettled": 5}, 5


class WebhookHarness(SlackHarness):
    """The same with an incoming webhook, which nobody can ask whether it works."""

    method = "webhook"
    secret = "canary-9a41c07e-webhook"

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """The URL is the secret."""
        url = self.slack.webhook(self.unique, self.secret)
        return {"url_webhook": url, "per_second": 1e9, "digest": False}

    def secrets(self) -> Mapping[str, str]:
        """Its last part; and no token is given."""
        return {"url_webhook": self.secret, "token": "canary-never-given-token"}

    def break_with(self, fault: Fault) -> contextlib.AbstractContextManager[object] | None:
        """Nothing is asked at open."""
        return None if fault.at == "open" else super().break_with(fault)


def escape(text: str) -> str:
    """As Slack keeps what people type."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """What people see."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
