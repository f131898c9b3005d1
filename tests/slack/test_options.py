"""What is wrong in a configuration is said before anything is posted."""

from __future__ import annotations

from typing import Any

import pytest

from geowatch_core import ConfigurationError, OptionsError, provision_producer
from geowatch_core.config import check_config
from geowatch_slack.options import SlackConsumerOptions, SlackProducerOptions

HOOK = "https://hooks.slack.com/services/T0/B0/canary-77e1"
BOT = {"token": "xoxb-canary-5cf1", "topic": "#quakes"}


def refused(**given: Any) -> str:
    """What a producer of these options is told."""
    with pytest.raises(OptionsError) as caught:
        SlackProducerOptions.read(given)
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_neither_webhook_nor_token_is_an_error_that_names_both() -> None:
    """Without a way in, the error says which two there are."""
    assert "neither url_webhook nor token" in refused(topic="#quakes")


def test_both_webhook_and_token_is_an_error_of_its_own() -> None:
    """Two ways in are ambiguous: they may lead to different channels."""
    assert "both url_webhook and token" in refused(**BOT, url_webhook=HOOK)


def test_a_token_needs_a_topic_and_a_webhook_none() -> None:
    """A webhook has its channel; a token can post anywhere."""
    assert "no topic" in refused(token="xoxb-canary-5cf1")
    assert SlackProducerOptions.read({"url_webhook": HOOK}).label == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/T0/B0/canary-77e1",
        "hooks.slack.com/services/canary-77e1",
        "https:///canary-77e1",
        "https://hooks.slack.com/canary-77e1 x",
        "https://hooks.slack.com/canary-77e1\n",
        "https://hooks.slack.com:port/canary-77e1",
        "ftp://hooks.slack.com/canary-77e1",
        "",
    ],
)
def test_a_webhook_that_is_no_safe_address_is_refused_unseen(url: str) -> None:
    """A secret travels encrypted or not at all, and is not shown by the error either."""
    said = refused(url_webhook=url)
    assert "not an address to send secrets to" in said
    assert "***" in said


def test_a_token_goes_to_an_encrypted_base_url_only() -> None:
    """Only this machine itself may be spoken to in clear."""
    assert "not an address" in refused(**BOT, base_url="http://slack.example/api/")
    for url in ("http://127.0.0.1:9/api/", "http://localhost:9/api/", "https://slack-gov.com/api/"):
        assert SlackProducerOptions.read({**BOT, "base_url": url}).base_url == url


@pytest.mark.parametrize("token", ["", " ", "xoxb-canary\nHost: x", "xoxb-canary-€"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(token: str) -> None:
    """The client would put it into its error; so it never gets there."""
    assert "not a token" in refused(token=token, topic="#quakes")
    with pytest.raises(OptionsError) as caught:
        SlackConsumerOptions.read({"token": token, "topic": "#quakes", "position": "p"})
    assert "canary" not in str(caught.value)


def test_a_webhook_creates_no_channel() -> None:
    """topic_check with a webhook is a mistake, not silence."""
    assert "topic_check" in refused(url_webhook=HOOK, topic_check=True)


def test_a_map_link_takes_the_edges_of_a_box_only() -> None:
    """Any other place in it would stay empty in every digest."""
    assert "no edge of a box" in refused(**BOT, digest_map="https://example.org/?x={lon}")


def test_the_prefix_stands_behind_the_hash() -> None:
    """Tenants are kept apart in names that Slack takes."""
    options = SlackProducerOptions.read({**BOT, "topic_prefix": "stage-"})
    assert options.full_topic == "#stage-quakes"
    assert SlackProducerOptions.read({**BOT, "topic": "C0123456789"}).full_topic == "C0123456789"


def test_a_consumer_needs_a_token_and_a_position() -> None:
    """Both are named at once."""
    with pytest.raises(OptionsError) as caught:
        SlackConsumerOptions.read({"topic": "#quakes"})
    assert {mistake.place for mistake in caught.value.mistakes} == {"token", "position"}


def test_a_template_needs_the_codec_that_renders_it() -> None:
    """A template beside another codec, or beside a second template, is a mistake."""
    for codec, says in (("json", "needs the codec slack"), ("slack", "another one in the codec")):
        table = {"name": codec, **({"template": "x"} if codec == "slack" else {})}
        with pytest.raises(ConfigurationError, match=says):
            provision_producer("slack", **BOT, codec=table, template="M {mag}")


def test_check_finds_what_is_wrong_with_a_channel_of_a_configuration() -> None:
    """The command names the place of each mistake, and no secret."""
    wrong = {"backend": "slack", "topic": "#q", "token": "xoxb-canary", "template": "<{url}|x>"}
    codec = {"name": "slack", "templates": [{"template": "{"}]}
    broker = {
        "name": "quakes",
        "consumers": [{"backend": "memory", "topic": "q", "codec": "json"}],
        "producers": [wrong, {"backend": "slack"}, {**wrong, "template": "x", "codec": codec}],
    }
    checked = check_config({"brokers": [broker]})
    places = [mistake.place for mistake in checked.mistakes]
    assert places == [
        "brokers[0].producers[0].template",
        "brokers[0].producers[1]",
        "brokers[0].producers[2].codec.templates.0.template",
    ]
    assert "canary" not in str(checked.mistakes)
