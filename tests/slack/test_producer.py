"""Posts: safe, at the channel's pace, each confirmed by Slack before it counts."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from geowatch_core import (
    CONFIRMED,
    Broker,
    DecodeError,
    Message,
    Outcome,
    PermanentError,
    Producer,
    RetryableError,
    TooLargeError,
    provision,
    provision_producer,
)
from geowatch_slack.codes import LATER, NEVER, TOO_LARGE
from tests.slack.conftest import TOKEN
from tests.slack.test_template import HOSTILE, QUAKE
from tools.local import until
from tools.slack import SlackServer, markup

FAST = {"per_second": 1e9, "digest": False}


def bot(slack: SlackServer, channel: str, **more: Any) -> Producer:
    """A producer with a token."""
    given = {"topic": f"#{channel}", "token": TOKEN, "base_url": slack.url, "max_tries": 1}
    return provision_producer("slack", **{**given, **more})


def hook(slack: SlackServer, channel: str, **more: Any) -> Producer:
    """A producer with a webhook."""
    return provision_producer("slack", url_webhook=slack.webhook(channel), **more)


def quakes(count: int, first: int = 0) -> list[Message]:
    """Numbered earthquakes."""
    return [
        Message.of({**QUAKE, "id": f"q{n}", "properties": {"mag": n % 70 / 10, "place": "sea"}})
        for n in range(first, first + count)
    ]


def ids(posts: list[dict[str, Any]]) -> list[str]:
    """Every id that stands in the posts of a channel, once for each post that has it."""
    return [each for post in posts for each in sorted(set(re.findall(r"\bq\d+\b", post["text"])))]


@pytest.mark.parametrize("make", [bot, hook])
def test_a_message_is_posted_as_its_template_says(
    slack: SlackServer, channel: str, make: Any
) -> None:
    """Text and blocks arrive, with everything off that would let Slack link by itself."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*M {mag}* {place}"}}]
    codec = {"name": "slack", "template": "M {mag} {place}", "blocks": blocks}
    with make(slack, channel, codec=codec) as producer:
        assert producer.deliver([Message.of(QUAKE)]) == [CONFIRMED]
    (post,) = slack.posts(channel)
    assert post["text"] == "M 4.6 4km W of Castaic, CA"
    assert post["blocks"][0]["text"]["text"] == "*M 4.6* 4km W of Castaic, CA"
    assert (post["parse"], post["link_names"]) == ("none", False)


def test_the_option_template_is_that_of_the_codec(slack: SlackServer, channel: str) -> None:
    """A short configuration needs no table for the codec."""
    with bot(slack, channel, template="M {mag} {place}") as producer:
        producer.deliver([Message.of(QUAKE)])
    assert [post["text"] for post in slack.posts(channel)] == ["M 4.6 4km W of Castaic, CA"]


@pytest.mark.parametrize("codec", ["slack", "plain", "json"])
@pytest.mark.parametrize("make", [bot, hook])
def test_hostile_texts_reach_the_channel_as_text(
    slack: SlackServer, channel: str, make: Any, codec: str
) -> None:
    """Whatever data says, Slack makes neither a link nor a mention of it; also in a digest."""
    messages = [Message.of(data) for data in HOSTILE if data.strip()]
    with make(slack, channel, codec=codec, **FAST) as producer:
        assert set(producer.deliver(messages)) == {CONFIRMED}
    with make(slack, channel, codec=codec, patience=0, per_second=1e9, burst=1) as producer:
        assert set(producer.deliver(messages)) == {CONFIRMED}
    posts = slack.posts(channel)
    assert len(posts) >= len(messages) + 1
    assert [found for post in posts for found in markup(post)] == []


def test_a_message_with_nothing_to_see_is_refused_alone(slack: SlackServer, channel: str) -> None:
    """An empty text is a permanent error of that message, and its neighbours are posted."""
    with bot(slack, channel, **FAST) as producer:
        first, second, third = producer.deliver([Message.of(text) for text in ("a", " ", "b")])
    assert (first, third) == (CONFIRMED, CONFIRMED)
    assert isinstance(second, PermanentError)
    assert [post["text"] for post in slack.posts(channel)] == ["a", "b"]


def test_bytes_in_the_codec_that_nobody_rendered_are_rendered_or_refused_alone(
    slack: SlackServer, channel: str
) -> None:
    """JSON that came from a channel is rendered; bytes that are no JSON are refused."""
    with bot(slack, channel, template="M {mag}", **FAST) as producer:
        first, second = producer.deliver([Message(b'{"mag": 3}'), Message(b"no JSON")])
    assert first is CONFIRMED
    assert isinstance(second, DecodeError)
    assert [post["text"] for post in slack.posts(channel)] == ["M 3"]


def test_a_long_text_becomes_several_posts_and_nothing_is_lost(
    slack: SlackServer, channel: str
) -> None:
    """90,000 characters are three posts, none of which Slack cuts."""
    text = "".join(f"word{n} " for n in range(9_000))
    with bot(slack, channel, **FAST) as producer:
        assert producer.deliver([Message.of(text)]) == [CONFIRMED]
    parts = [post["text"] for post in slack.posts(channel)]
    assert len(parts) == -(-len(text) // 40_000)
    assert "".join(parts) == text


def test_what_is_larger_than_slack_takes_is_refused_alone(slack: SlackServer, channel: str) -> None:
    """Texts of more than ten posts and blocks beyond their limits are TooLargeErrors."""
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "{}"}}
    codec = {"name": "slack", "template": "x", "blocks": [block]}
    with bot(slack, channel, codec=codec, **FAST) as producer:
        good, bad = producer.deliver([Message.of("y" * 3_000), Message.of("y" * 3_001)])
    assert good is CONFIRMED
    assert isinstance(bad, TooLargeError)
    with bot(slack, channel, **FAST) as producer:
        (bad,) = producer.deliver([Message.of("y" * 400_001)])
    assert isinstance(bad, TooLargeError)
    assert len(slack.posts(channel)) == 1


def outcome(slack: SlackServer, channel: str, make: Any, **fault: Any) -> Outcome:
    """What becomes of one message when the next post fails in this way."""
    slack.fault("chat.postMessage" if make is bot else "webhook", channel=channel, **fault)
    with make(slack, channel, **FAST) as producer:
        (found,) = producer.deliver([Message.of("alert")])
    slack.mend()
    return found


@pytest.mark.parametrize("code", sorted({*LATER, *NEVER, *TOO_LARGE, "never_heard_of"}))
def test_each_code_of_slack_is_sorted_and_says_what_to_do(
    slack: SlackServer, channel: str, code: str
) -> None:
    """An ok:false behind HTTP 200 is retryable, too large or permanent, with Slack's own code."""
    found = outcome(slack, channel, bot, error=code)
    kind = RetryableError if code in LATER else PermanentError
    assert isinstance(found, kind)
    assert isinstance(found, TooLargeError) == (code in TOO_LARGE)
    assert code in str(found)
    assert found.fix
    assert slack.posts(channel) == []


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ("invalid_payload", 400, PermanentError),
        ("channel_not_found", 404, PermanentError),
        ("no_service", 404, PermanentError),
        ("channel_is_archived", 410, PermanentError),
        ("action_prohibited", 403, PermanentError),
        ("rollup_error", 500, RetryableError),
        ("", 502, RetryableError),
        ("<html>503</html>", 503, RetryableError),
        ("<html>teapot</html>", 418, PermanentError),
        ("<html>please log in</html>", 200, RetryableError),
        ("", 408, RetryableError),
    ],
)
def test_each_answer_of_a_webhook_is_sorted(
    slack: SlackServer, channel: str, body: str, status: int, kind: type[Exception]
) -> None:
    """A webhook answers in plain text and by status; the client raises nothing for it."""
    found = outcome(slack, channel, hook, status=status, body=body)
    assert isinstance(found, kind)
    assert slack.posts(channel) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "body": ""},
        {"status": 503, "body": "<html>"},
        {"status": 200, "body": "<html>a proxy</html>"},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": ""},
        {"status": 200, "body": "\u00ff", "type": "text/plain; charset=utf-99"},
        {"reset": "before"},
    ],
)
def test_an_answer_that_is_not_slacks_confirms_nothing(
    slack: SlackServer, channel: str, fault: dict[str, Any]
) -> None:
    """Whatever a proxy answers, and where there is no answer, the message is tried again."""
    assert isinstance(outcome(slack, channel, bot, **fault), RetryableError)


@pytest.mark.parametrize("make", [bot, hook])
def test_a_post_whose_answer_was_lost_is_tried_again(
    slack: SlackServer, channel: str, make: Any
) -> None:
    """A reset after Slack acted is retryable, nothing re-posts by itself, and it is said."""
    found = outcome(slack, channel, make, reset="after")
    assert isinstance(found, RetryableError)
    assert "twice" in str(found)
    assert len(slack.posts(channel)) == 1


def test_a_post_that_slack_cut_short_is_not_confirmed(slack: SlackServer, channel: str) -> None:
    """The warning message_truncated behind ok:true is an error: the whole is not in the channel."""
    found = outcome(slack, channel, bot, warning="message_truncated")
    assert isinstance(found, PermanentError)
    assert "cut it short" in str(found)


def test_a_channel_that_refuses_is_asked_once_for_a_whole_batch(
    slack: SlackServer, channel: str
) -> None:
    """What every other message would meet too is not tried with each of them."""
    for fault in ({"error": "is_archived"}, {"status": 429, "headers": {"Retry-After": "3"}}):
        before = len(slack.requests("chat.postMessage"))
        slack.fault("chat.postMessage", channel=channel, **fault)
        with bot(slack, channel, **FAST) as producer:
            outcomes = producer.deliver([Message.of(f"alert {n}") for n in range(20)])
        slack.mend()
        assert CONFIRMED not in outcomes
        assert len(slack.requests("chat.postMessage")) == before + 1


def test_open_creates_a_missing_channel_when_asked(slack: SlackServer, channel: str) -> None:
    """topic_check makes the channel; without it posting says channel_not_found."""
    slack.set(missing=[channel])
    with bot(slack, channel, **FAST) as producer:
        (found,) = producer.deliver([Message.of("x")])
    assert "channel_not_found" in str(found)
    with bot(slack, channel, topic_check=True, **FAST) as producer:
        assert producer.deliver([Message.of("x")]) == [CONFIRMED]


def test_a_revoked_token_is_found_when_it_opens(slack: SlackServer, channel: str) -> None:
    """The error comes at provisioning, names the code, and hides the token."""
    with pytest.raises(PermanentError, match="invalid_auth") as caught:
        bot(slack, channel, token="xoxb-revoked-canary-1d4")
    assert "canary" not in str(caught.value)


def test_few_messages_are_posted_one_by_one_and_many_become_one(
    slack: SlackServer, channel: str
) -> None:
    """With patience for three a batch of three is three posts, and one of four is a digest."""
    more = {"per_second": 20.0, "burst": 1, "patience": 0.1, "template": "{id}"}
    with bot(slack, channel, **more) as producer:
        assert producer.deliver(quakes(1)) == [CONFIRMED]
        assert producer.deliver(quakes(30, 100)) == [CONFIRMED] * 30
    first, second = slack.posts(channel)
    assert first["text"] == "q0"
    assert second["text"].startswith("*30 messages in one*")
    assert ids([second]) == sorted(f"q{n}" for n in range(100, 130))


def test_digests_can_be_turned_off(slack: SlackServer, channel: str) -> None:
    """Then every message is a post of its own, in order."""
    with bot(slack, channel, template="{id}", **FAST) as producer:
        assert producer.deliver(quakes(120)) == [CONFIRMED] * 120
    assert [post["text"] for post in slack.posts(channel)] == [f"q{n}" for n in range(120)]


def test_a_digest_that_slack_finds_too_long_is_halved(slack: SlackServer, channel: str) -> None:
    """Every message is in exactly one post all the same."""
    slack.fault("chat.postMessage", channel=channel, error="msg_too_long", indexes=[0, 1])
    with bot(slack, channel, per_second=1e3, patience=0) as producer:
        assert producer.deliver(quakes(40)) == [CONFIRMED] * 40
    posts = slack.posts(channel)
    assert len(posts) == 3
    assert sorted(ids(posts)) == sorted(f"q{n}" for n in range(40))


def test_a_digest_that_failed_is_confirmed_for_none_of_its_messages(
    slack: SlackServer, channel: str
) -> None:
    """One outcome for all that stand in it."""
    slack.fault("chat.postMessage", channel=channel, status=500, body="")
    with bot(slack, channel, per_second=1e3, patience=0) as producer:
        outcomes = producer.deliver(quakes(40))
    assert all(isinstance(found, RetryableError) for found in outcomes)
    assert slack.posts(channel) == []


def test_a_thousand_events_meet_the_pace_and_each_is_in_one_post(
    slack_of_one_a_second: SlackServer, channel: str
) -> None:
    """Slack enforces one post a second: no 429, few posts, every id in exactly one of them."""
    slack = slack_of_one_a_second
    topic = provision("memory", "producer", topic=channel, codec="json")
    topic.deliver(quakes(1_000))
    source = provision("memory", "consumer", topic=channel, codec="json", until_empty=True)
    report = Broker(consumers=[source], producers=[bot(slack, channel)], count=300).run()
    assert report.delivered == 1_000
    assert [r["status"] for r in slack.requests("chat.postMessage") if r["status"] != 200] == []
    posts = slack.posts(channel)
    assert len(posts) <= 20
    assert sorted(ids(posts)) == sorted(f"q{n}" for n in range(1_000))


def test_two_producers_of_one_channel_keep_its_pace_together(
    slack_of_one_a_second: SlackServer, channel: str
) -> None:
    """Each with a thread of its own, and still no 429."""
    slack = slack_of_one_a_second
    before = len(slack.requests("chat.postMessage"))
    with bot(slack, channel) as one, bot(slack, channel) as other:
        threads = [
            threading.Thread(target=producer.deliver, args=([Message.of(f"q{n}")],))
            for n, producer in enumerate((one, other, one))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [r["status"] for r in slack.requests("chat.postMessage")[before:]] == [200] * 3


def test_retry_after_is_obeyed_by_the_broker(slack: SlackServer, channel: str) -> None:
    """After a 429 with Retry-After: 2 the next post comes two seconds later, and not before."""
    slack.fault(
        "chat.postMessage",
        channel=channel,
        status=429,
        headers={"Retry-After": "2"},
        indexes=[0],
    )
    topic = provision("memory", "producer", topic=channel, codec="json")
    topic.deliver(quakes(1))
    source = provision("memory", "consumer", topic=channel, codec="json", until_empty=True)
    report = Broker(consumers=[source], producers=[bot(slack, channel)]).run()
    assert report.delivered == 1
    first, second = (r["at"] for r in slack.requests("chat.postMessage") if r["channel"] == channel)
    assert 2.0 <= second - first < 8.0


def test_stopping_does_not_wait_for_the_pace(slack: SlackServer, channel: str) -> None:
    """A message that would wait an hour for its turn does not hold back a stop."""
    topic = provision("memory", "producer", topic=channel, codec="json")
    topic.deliver(quakes(2))
    source = provision("memory", "consumer", topic=channel, codec="json")
    slow = bot(slack, channel, per_second=0.001, digest=False)
    broker = Broker(consumers=[source], producers=[slow], count=1, drain_timeout=0.5)
    running = threading.Thread(target=broker.run)
    running.start()
    until(lambda: len(slack.posts(channel)) == 1, "the first post")
    broker.stop()
    running.join(60)
    assert not running.is_alive()
    assert len(slack.posts(channel)) == 1
