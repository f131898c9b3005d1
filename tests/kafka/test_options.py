"""Options are checked before anything is opened, and secrets are shown nowhere."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest

from geowatch_core import GeoWatchError, OptionsError, PermanentError, provision
from geowatch_core.options import schema
from geowatch_kafka.options import KafkaConsumerOptions, KafkaProducerOptions

CANARY = "canary-6f1d0c2b9a"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (KafkaConsumerOptions, "enable.auto.commit"),
        (KafkaConsumerOptions, "auto.offset.reset"),
        (KafkaConsumerOptions, "group.id"),
        (KafkaConsumerOptions, "bootstrap.servers"),
        (KafkaProducerOptions, "acks"),
        (KafkaProducerOptions, "enable.idempotence"),
        (KafkaProducerOptions, "message.timeout.ms"),
        (KafkaProducerOptions, "transactional.id"),
        (KafkaProducerOptions, "plugin.library.paths"),
    ],
)
def test_what_would_break_a_promise_is_refused_by_name(options: Any, name: str) -> None:
    """Settings that keep messages safe are not the user's to change."""
    with pytest.raises(OptionsError, match=f"must not set {name}"):
        options.read({"topic": "t", "config": {name: "x"}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"grupo": "a"}, "Did you mean group?"),
        ({"host": ""}, "host:port"),
        ({"start": "newest"}, "earliest, latest or a time"),
        ({"start": "2026-11-29T06:00:00"}, "earliest, latest or a time"),
        ({"partitions": [-1]}, "partition numbers"),
        ({"replay_from": 5}, "replay_from needs partitions"),
        ({"partitions": [0], "replay_from": "2026-11-29T06:00:00"}, "time zone"),
        ({"client": "kafka.Consumer"}, "only be given from Python"),
        ({"config": {"a": [1]}}, "text, number or boolean"),
        ({"group": ""}, "group"),
    ],
)
def test_a_wrong_option_says_what_is_right(given: dict[str, Any], said: str) -> None:
    """Each mistake is found before anything is opened, beside its name."""
    with pytest.raises(OptionsError) as caught:
        KafkaConsumerOptions.read({"topic": "t", **given})
    assert said in str(caught.value)


def test_a_partitioner_is_one_of_those_that_there_are() -> None:
    """A misspelt partitioner names the nearest."""
    with pytest.raises(OptionsError, match="Did you mean murmur2_random"):
        KafkaProducerOptions.read({"topic": "t", "partitioner": "murmur_random"})


def test_hosts_may_be_a_list() -> None:
    """Several servers stand behind commas or in a list."""
    assert KafkaConsumerOptions.read({"topic": "t", "host": ["a:1", "b:2"]}).host == "a:1,b:2"
    assert KafkaConsumerOptions.read({"topic": "t", "host": "a:1, b:2"}).host == "a:1, b:2"


def test_times_are_read_with_their_zone() -> None:
    """A start is seconds since 1970, whichever zone it was written in."""
    options = KafkaConsumerOptions.read({"topic": "t", "start": "1970-01-01T01:00:10+01:00"})
    assert options.start == 10.0


def test_options_have_a_schema() -> None:
    """What an editor needs to help with a configuration."""
    for options in (KafkaConsumerOptions, KafkaProducerOptions):
        assert {"topic", "host", "config", "topic_check"} <= schema(options)["properties"].keys()


@pytest.mark.parametrize("role", ["consumer", "producer"])
@pytest.mark.parametrize(
    "config",
    [
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "me"},
        {"security.protocol": CANARY},
        {"sasl.pasword": CANARY},
        {"ssl.key.pem": CANARY, "security.protocol": "SSL"},
    ],
    ids=["no-answer", "wrong-value", "misspelt", "wrong-key"],
)
def test_secrets_in_config_are_never_shown(
    role: Any,
    config: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No repr, error, log line or output shows a value of config."""
    given = {"sasl.password": CANARY, **config}
    caplog.set_level(logging.DEBUG)
    options: dict[str, Any] = {"host": "127.0.0.1:1", "topic": "t", "config": given}
    read = (KafkaConsumerOptions if role == "consumer" else KafkaProducerOptions).read(options)
    with pytest.raises(GeoWatchError) as caught:
        provision("kafka", role, max_tries=1, timeout=0.5, **options)
    captured = capfd.readouterr()
    shown = "".join(traceback.format_exception(caught.value))
    for text in (repr(read), str(read), shown, caplog.text, captured.out, captured.err):
        assert CANARY not in text
    assert "sasl.password: ***" in repr(read)


def test_a_misspelt_setting_is_permanent_and_named() -> None:
    """What librdkafka does not know is refused by it, with advice."""
    with pytest.raises(PermanentError, match=r"fetch\.mim\.bytes") as caught:
        provision("kafka", "consumer", topic="t", config={"fetch.mim.bytes": 1})
    assert "CONFIGURATION.md" in caught.value.fix
