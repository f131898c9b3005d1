"""What is written in a channel arrives in order, each once acked never again."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geowatch_core import (
    Broker,
    Consumer,
    Message,
    PermanentError,
    RetryableError,
    provision,
    provision_consumer,
    provision_duplex,
)
from geowatch_slack._driver import Page
from geowatch_slack.history import History, micros, timestamp
from tests.slack.conftest import TOKEN
from tools.slack import SlackServer


def consumer(slack: SlackServer, channel: str, folder: Path, **more: Any) -> Consumer:
    """A consumer from the beginning of a channel."""
    given = {
        "topic": f"#{channel}",
        "token": TOKEN,
        "base_url": slack.url,
        "position": str(folder / "position"),
        "start": "earliest",
        "poll": 0.05,
        "max_tries": 1,
    }
    return provision_consumer("slack", **{**given, **more})


def texts(source: Consumer, count: int, most: int = 500) -> list[str]:
    """The next texts, acked."""
    found: list[str] = []
    while len(found) < count:
        messages = source.consume(min(most, count - len(found)), 30)
        assert messages, f"only {len(found)} of {count} came"
        source.ack(messages)
        found += [message.data.decode() for message in messages]
    return found


def put(slack: SlackServer, channel: str, *given: str) -> None:
    """Post these as people do."""
    slack.put(channel, *({"text": text} for text in given))


def test_a_backlog_comes_oldest_first_however_small_the_answers(
    slack_of_small_pages: SlackServer, channel: str, tmp_path: Path
) -> None:
    """Of Slack's answers of 15, newest first, 200 messages come in the order of their writing."""
    slack = slack_of_small_pages
    expected = [f"message {n}" for n in range(200)]
    put(slack, channel, *expected)
    with consumer(slack, channel, tmp_path) as source:
        assert texts(source, 100, most=7) == expected[:100]
        put(slack, channel, "later")
        assert texts(source, 101) == [*expected[100:], "later"]


def test_a_quiet_past_is_skipped_in_few_calls(
    slack_of_small_pages: SlackServer, channel: str, tmp_path: Path
) -> None:
    """Messages years and microseconds apart cost about two calls a page."""
    slack = slack_of_small_pages
    stamps = [1_400_000_000_000_000 + n for n in range(40)]
    stamps += [1_500_000_000_000_000 + n * 86_400_000_000 for n in range(40)]
    slack.put(channel, *({"text": str(ts), "ts": timestamp(ts)} for ts in stamps))
    before = len(slack.requests("conversations.history"))
    with consumer(slack, channel, tmp_path) as source:
        assert texts(source, 80) == [str(ts) for ts in stamps]
    assert len(slack.requests("conversations.history")) - before < 40


def test_the_position_is_remembered_after_the_ack_and_not_before(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """A consumer that opens again goes on behind the last ack."""
    put(slack, channel, "a", "b", "c")
    with consumer(slack, channel, tmp_path) as source:
        first, second, _ = source.consume(3, 30)
        source.ack([second])
        assert not (tmp_path / "position").exists()
        source.ack([first])
        saved = json.loads((tmp_path / "position").read_text())
        assert saved["ts"] == slack.posts(channel)[1]["ts"]
    with consumer(slack, channel, tmp_path) as source:
        assert texts(source, 1) == ["c"]


def test_a_consumer_begins_with_what_is_new_and_goes_on_from_there(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """What came before the first start does not come; what came after it does."""
    put(slack, channel, "old")
    consumer(slack, channel, tmp_path, start="latest").close()
    put(slack, channel, "new")
    with consumer(slack, channel, tmp_path, start="latest") as source:
        assert texts(source, 1) == ["new"]


def test_own_posts_are_passed_over_and_those_of_others_are_not(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """A bot hears people and other bots, and not itself."""
    given = {"topic": f"#{channel}", "base_url": slack.url, "codec": "plain"}
    for token in (TOKEN, "xoxb-another-bot"):
        with provision("slack", "producer", token=token, **given) as producer:
            producer.deliver([Message.of(f"from {token[-3:]}")])
    put(slack, channel, "from a person")
    with consumer(slack, channel, tmp_path) as source:
        assert texts(source, 2) == ["from bot", "from a person"]
    with consumer(slack, channel, tmp_path, own=True, position=str(tmp_path / "p")) as source:
        assert texts(source, 3)[0] == "from ken"


def test_what_nobody_wrote_is_passed_over(slack: SlackServer, channel: str, tmp_path: Path) -> None:
    """Who joined and what the topic is are no messages."""
    slack.put(
        channel,
        {"text": "<@U1> has joined", "subtype": "channel_join"},
        {"text": "a file", "subtype": "file_share"},
        {"text": "new topic", "subtype": "channel_topic"},
        {"text": "last"},
    )
    with consumer(slack, channel, tmp_path) as source:
        assert texts(source, 2) == ["a file", "last"]
    saved = json.loads((tmp_path / "position").read_text())
    assert saved["ts"] == slack.posts(channel)[-1]["ts"]


def test_text_comes_as_it_was_typed_and_json_as_slack_has_it(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """A codec of JSON gets the whole message; any other one the text, entities resolved."""
    put(slack, channel, "a &lt; b &amp;amp; c")
    with consumer(slack, channel, tmp_path) as source:
        (message,) = source.consume(1, 30)
    assert message.value == "a < b &amp; c"
    assert message.header("slack-user") == b"U0PERSON"
    for number, codec in enumerate(("json", "slack")):
        file = str(tmp_path / f"position-{number}")
        with consumer(slack, channel, tmp_path, codec=codec, position=file) as source:
            (message,) = source.consume(1, 30)
        assert message.value == slack.posts(channel)[0]
    file = str(tmp_path / "position-text")
    with consumer(slack, channel, tmp_path, codec="json", brings="text", position=file) as source:
        (message,) = source.consume(1, 30)
    assert message.data == b"a < b &amp; c"


def test_a_duplex_node_answers_and_does_not_hear_itself(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """A node consumes from one place and delivers to it; what it posts does not come back."""
    slack.make(channel)
    node = provision_duplex(
        "slack",
        topic=f"#{channel}",
        token=TOKEN,
        base_url=slack.url,
        codec="slack",
        template="{text}",
        position=str(tmp_path / "position"),
        start="earliest",
        poll=0.05,
        per_second=1e3,
    )
    with provision("memory", "producer", topic=channel, codec="json") as outside:
        outside.deliver([Message.of({"text": f"alert {n}"}) for n in range(3)])
    alerts = provision("memory", "consumer", topic=channel, codec="json", until_empty=True)
    kept = provision("memory", "producer", topic=f"{channel}-kept", codec="json")
    put(slack, channel, "a person asks")
    broker = Broker(consumers=[alerts], duplex=[node], producers=[kept])
    running = threading.Thread(target=broker.run)
    running.start()
    reader = provision("memory", "consumer", topic=f"{channel}-kept", codec="json")
    found: list[str] = []
    while len(found) < 4:
        messages = reader.consume(10, 30)
        assert messages
        found += [message.value["text"] for message in messages]
    broker.stop()
    running.join(60)
    assert sorted(found) == ["a person asks", "alert 0", "alert 1", "alert 2"]
    assert sorted(post["text"] for post in slack.posts(channel)) == sorted(found)
    reader.close()


def test_a_channel_that_is_not_there_is_a_permanent_error(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """It says what to do; topic_check creates the channel."""
    with pytest.raises(PermanentError, match="sees no channel"):
        consumer(slack, channel, tmp_path)
    consumer(slack, channel, tmp_path, topic_check=True).close()


def test_a_position_has_one_holder_and_one_channel(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """Two consumers with one file, and a file of another channel, are errors."""
    slack.make(channel)
    slack.make(f"{channel}-2")
    with consumer(slack, channel, tmp_path) as source:
        with pytest.raises(RetryableError, match="Another consumer"):
            consumer(slack, channel, tmp_path)
        put(slack, channel, "x")
        texts(source, 1)
    with pytest.raises(PermanentError, match="position file is of"):
        consumer(slack, f"{channel}-2", tmp_path)
    (tmp_path / "position").write_text("{")
    with pytest.raises(PermanentError, match="damaged"):
        consumer(slack, channel, tmp_path)


def test_a_rate_limit_while_catching_up_loses_no_place(
    slack_of_small_pages: SlackServer, channel: str, tmp_path: Path
) -> None:
    """A 429 in the middle of a search says how long to wait, and reading goes on after it."""
    slack = slack_of_small_pages
    expected = [f"message {n}" for n in range(60)]
    put(slack, channel, *expected)
    with consumer(slack, channel, tmp_path) as source:
        found = texts(source, 3)
        asked: list[float | None] = []
        slack.fault(
            "conversations.history", indexes=[1, 3], status=429, headers={"Retry-After": "30"}
        )
        while len(found) < 60:
            try:
                messages = source.consume(10, 30)
            except RetryableError as error:
                asked.append(error.retry_after)
            else:
                source.ack(messages)
                found += [message.data.decode() for message in messages]
        slack.mend()
    assert found == expected
    assert asked == [30.0, 30.0]


STAMPS = st.lists(st.integers(0, 3_000), unique=True, max_size=60)


@settings(deadline=None)
@given(st.lists(st.tuples(STAMPS, st.integers(0, 5)), max_size=4), st.integers(1, 5))
def test_history_gives_every_message_once_in_order(
    rounds: list[tuple[list[int], int]], limit: int
) -> None:
    """Whatever lies where in time, and however little an answer holds, nothing is missed."""
    channel: list[int] = []
    asked = [0]

    def fetch(oldest: str, latest: str) -> Page:
        asked[0] += 1
        found = [at for at in sorted(channel, reverse=True)
                 if micros(oldest) <= at <= micros(latest)]  # fmt: skip
        return Page([{"ts": timestamp(at)} for at in found[:limit]], len(found) > limit)

    history = History(0, fetch)
    seen: list[int] = []
    start = 1
    for stamps, _ in rounds:
        channel += [start + at for at in sorted(stamps)]
        start = max([start, *channel]) + 1
        while len(seen) < len(channel):
            before = asked[0]
            seen += [micros(str(message["ts"])) for message in history.look()]
            assert asked[0] == before + 1
            assert asked[0] < 100_000
        assert history.look() == []
    assert seen == channel


def test_the_memory_of_a_reader_is_one_answer(
    slack: SlackServer, channel: str, tmp_path: Path
) -> None:
    """However long the backlog, at most a page and what is unsettled is held."""
    put(slack, channel, *(f"message {n}" for n in range(900)))
    with consumer(slack, channel, tmp_path, page=50, max_unsettled=20) as source:
        found = source.consume(500, 30)
        assert len(found) == 20
        assert source.consume(500, 0.2) == []
        held = len(source._fetched) + len(source._unsettled)  # type: ignore[attr-defined]
        assert held <= 50 + 20
        source.ack(found)
        assert texts(source, 880)[-1] == "message 899"
