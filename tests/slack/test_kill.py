"""kill -9 of our process and of Slack's, SIGSTOP, restarts: every message is in the channel."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import Broker, Message, Retry, provision
from tests.conftest import PROFILE
from tests.slack.child import COUNT, IN_FLIGHT
from tests.slack.conftest import TOKEN
from tools.local import until
from tools.slack import SlackServer

PROGRAM = Path(__file__).with_name("child.py")
KILLS = 25 if PROFILE == "long" else 2
KILLED = -9


@contextmanager
def child(what: str, folder: Path, slack: SlackServer, channel: str) -> Iterator[Any]:
    """The flow in a process of its own; dead when the context ends."""
    with (folder / "child.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, PROGRAM, what, folder, slack.url, channel],
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def said(folder: Path) -> str:
    """What the children printed."""
    return (folder / "child.txt").read_text()


def ids(posts: list[dict[str, Any]]) -> Counter[str]:
    """In how many posts each id stands."""
    return Counter(each for post in posts for each in set(re.findall(r"\bq\d+\b", post["text"])))


@pytest.mark.parametrize("what", ["produce", "digest"])
def test_kill_of_a_producers_process_in_the_middle_of_a_post_loses_nothing(
    slack: SlackServer, channel: str, tmp_path: Path, what: str
) -> None:
    """Slack holds a post, our process dies, and a new one delivers what was not acked."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    expected = {f"q{n}" for n in range(KILLS * 60)}
    lines = "".join(json.dumps({"id": each}) + "\n" for each in sorted(expected))
    (tmp_path / "in.jsonl").write_text(lines)
    for _ in range(KILLS):
        seen = len(slack.requests("chat.postMessage"))
        # It has at least this many posts to make still: a digest is one for each ten messages.
        most = 3 if what == "digest" else 30
        hold = choose.randrange(most)
        slack.fault("chat.postMessage", channel=channel, hold=True, indexes=[hold])
        with child(what, tmp_path, slack, channel) as process:
            until(
                lambda seen=seen, hold=hold: (  # type: ignore[misc]  # mypy sees no defaults
                    len(slack.requests("chat.postMessage")) == seen + hold + 1
                ),
                f"post {hold} is held. {said(tmp_path)}",
            )
            process.kill()
            assert process.wait(60) == KILLED
        slack.mend()  # now Slack acts on what it held, for nobody
    with child(what, tmp_path, slack, channel) as process:
        assert process.wait(100) == 0, said(tmp_path)
    counts = ids(slack.posts(channel))
    assert set(counts) == expected
    twice = sum(counts.values()) - len(expected)
    assert twice <= KILLS * COUNT * (IN_FLIGHT + 1)


def test_kill_of_a_consumers_process_loses_nothing(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """A consumer that is killed anywhere goes on behind what it had acked, in order."""
    slack.make(channel)
    out, expected = tmp_path / "out.txt", []

    def written() -> list[str]:
        return out.read_text().split("\n")[:-1] if out.exists() else []

    for number in range(KILLS):
        new = [f"message {number}-{n}" for n in range(40)]
        slack.put(channel, *({"text": text} for text in new))
        with child("consume", tmp_path, slack, channel) as process:
            wanted = new[number % 40]
            until(lambda wanted=wanted: wanted in written(), f"{wanted}. {said(tmp_path)}")  # type: ignore[misc]  # mypy sees no defaults
            process.kill()
            assert process.wait(60) == KILLED
        expected += new
    with child("consume", tmp_path, slack, channel):
        until(lambda: expected[-1] in written(), f"the last message. {said(tmp_path)}")
    first_of_each = list(dict.fromkeys(line for line in written() if line in set(expected)))
    assert first_of_each == expected
    assert len(written()) - len(expected) <= KILLS * (COUNT * (IN_FLIGHT + 1) + 1)


@contextmanager
def flow(slack: SlackServer, channel: str, **more: Any) -> Iterator[tuple[Any, Broker]]:
    """A broker from memory to Slack that runs until the context ends, and what feeds it."""
    feed = provision("memory", "producer", topic=channel, codec="json")
    source = provision("memory", "consumer", topic=channel, codec="json")
    given = {"topic": f"#{channel}", "token": TOKEN, "base_url": slack.url, "timeout": 1}
    sink = provision("slack", "producer", template="{id}", per_second=1e3, **given, **more)
    retry = Retry(attempts=10_000, base=0.01, cap=0.1)
    broker = Broker(consumers=[source], producers=[sink], count=COUNT, retry=retry)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            broker.run()
        except BaseException as error:
            errors.append(error)

    running = threading.Thread(target=run)
    running.start()
    try:
        yield feed, broker
    finally:
        broker.stop()
        running.join(60)
    assert errors == []


def feed_round(feed: Any, number: int) -> set[str]:
    """Feed twenty messages; their ids."""
    new = [f"q{number * 20 + n}" for n in range(20)]
    feed.deliver([Message.of({"id": each}) for each in new])
    return set(new)


@pytest.mark.parametrize("digest", [False, True])
def test_kill_and_restart_of_slack_in_the_middle_of_a_post_loses_nothing(
    tmp_path: Path, channel: str, digest: bool
) -> None:
    """Slack dies with a post in its hands, and comes back with what it had written down."""
    expected: set[str] = set()
    with (
        SlackServer(tmp_path) as slack,
        flow(slack, channel, digest=digest, patience=0.0) as (feed, _),
    ):
        for number in range(KILLS):
            seen = len(slack.requests("chat.postMessage"))
            slack.fault("chat.postMessage", hold=True, indexes=[0])
            expected |= feed_round(feed, number)
            until(
                lambda seen=seen: len(slack.requests("chat.postMessage")) > seen,  # type: ignore[misc]  # mypy sees no defaults
                "a post is held",
            )
            slack.process.kill()
            slack.start()
        until(lambda: set(ids(slack.logged(channel))) == expected, "every id is in the log")
    counts = ids(slack.logged(channel))
    assert set(counts) == expected


def test_a_slack_that_stops_answering_is_waited_for(tmp_path: Path, channel: str) -> None:
    """SIGSTOP: posts time out and are tried again until it goes on; nothing is lost."""
    with SlackServer(tmp_path) as slack, flow(slack, channel, digest=False) as (feed, broker):
        expected = feed_round(feed, 0)
        until(lambda: set(ids(slack.logged(channel))) == expected, "the first round")
        slack.process.freeze()
        try:
            expected |= feed_round(feed, 1)
            until(lambda: broker.destinations[0].retries > 0, "a post that timed out")
        finally:
            slack.process.thaw()
        until(lambda: set(ids(slack.logged(channel))) == expected, "every id is in the log")


@pytest.mark.long
def test_a_storm_of_faults_loses_nothing(tmp_path: Path, channel: str) -> None:
    """A minute of resets, throttles, errors, kills and stops at random, with 20,000 messages."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    faults: list[dict[str, Any]] = [
        {"status": 500, "body": ""},
        {"status": 429, "headers": {"Retry-After": "0.2"}},
        {"error": "internal_error"},
        {"reset": "before"},
        {"reset": "after"},
        {"status": 200, "body": "<html>"},
    ]
    fed = 0
    kills = 0
    with SlackServer(tmp_path) as slack, flow(slack, channel, patience=0.0) as (feed, _):
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            new = [Message.of({"id": f"q{fed + n}"}) for n in range(500 if fed < 20_000 else 0)]
            fed += len(new)
            feed.deliver(new)
            fault = choose.choice(faults)
            slack.fault("chat.postMessage", indexes=[choose.randrange(4)], **fault)
            if choose.random() < 0.2:
                slack.process.kill()
                slack.start()
                kills += 1
            elif choose.random() < 0.2:
                slack.process.freeze()
                time.sleep(choose.random() * 2)
                slack.process.thaw()
            else:
                time.sleep(choose.random() * 0.5)
        slack.mend()
        expected = {f"q{n}" for n in range(fed)}
        until(lambda: set(ids(slack.logged(channel))) >= expected, "every id", 120)
    counts = ids(slack.logged(channel))
    twice = sum(counts.values()) - len(counts)
    print(f"{fed} messages, {kills} kills of Slack, {twice} posted again")
    assert set(counts) == expected
