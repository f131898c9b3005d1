"""One Slack for all tests that share: each takes channels of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tools.slack import SlackServer

TOKEN = "xoxb-canary-5cf1e6a0-token"


@pytest.fixture(scope="session")
def slack_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackServer]:
    """A Slack of any pace, in a process of its own."""
    with SlackServer(tmp_path_factory.mktemp("slack")) as server:
        yield server


@pytest.fixture(scope="session")
def slack_of_one_a_second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackServer]:
    """A Slack that answers 429 to more than one post a second in a channel."""
    with SlackServer(tmp_path_factory.mktemp("slack-pace"), rate=1.0) as server:
        yield server


@pytest.fixture(scope="session")
def slack_of_small_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackServer]:
    """A Slack that gives 15 messages at most, as it does to apps outside of its marketplace."""
    with SlackServer(tmp_path_factory.mktemp("slack-pages")) as server:
        server.set(page=15)
        yield server


@pytest.fixture
def slack(slack_server: SlackServer) -> Iterator[SlackServer]:
    """That Slack, whole again when the test ends."""
    yield slack_server
    slack_server.mend()


@pytest.fixture
def channel() -> str:
    """A channel of this test's own."""
    return f"test-{uuid.uuid4().hex[:12]}"
