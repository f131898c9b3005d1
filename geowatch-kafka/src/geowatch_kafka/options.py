"""The options of ``kafka``."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, Final

import attrs

from geowatch_core.options import (
    KeyedTopicOptions,
    TopicOptions,
    at_least,
    nearest,
    option,
)
from geowatch_kafka.config import Config, refuse

__all__ = ["KafkaConsumerOptions", "KafkaProducerOptions"]

_PARTITIONERS: Final = (
    "consistent",
    "consistent_random",
    "fnv1a",
    "fnv1a_random",
    "murmur2",
    "murmur2_random",
    "random",
)


def _hosts(given: Any) -> str:
    """The servers as the client takes them, from a text or from a list of texts."""
    hosts = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(host, str) and host.strip(", ") for host in hosts):
        raise ValueError('must be "host:port", several of them behind commas, or a list')
    return ",".join(host.strip(", ") for host in hosts)


def _maker(given: Any) -> Callable[..., Any] | None:
    if given is not None and not callable(given):
        raise ValueError("must be a class or function, so it can only be given from Python")
    return given  # type: ignore[no-any-return]  # just checked


def _partitions(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    numbers = given if isinstance(given, list | tuple) else [given]
    if not numbers or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("must be a list of partition numbers, from 0")
    return tuple(sorted(set(numbers)))


def _moment(given: Any) -> float:
    """Seconds since 1970 of a number, or of a text after ISO 8601."""
    if isinstance(given, datetime.datetime):
        moment = given
    elif isinstance(given, str):
        moment = datetime.datetime.fromisoformat(given)
    elif isinstance(given, float) and given >= 0:
        return given
    else:
        raise ValueError('must be a time such as "2026-11-29T06:00:00Z", or seconds as 1.7e9')
    if moment.tzinfo is None:
        raise ValueError("must say its time zone, such as a Z at its end")
    return moment.timestamp()


def _start(given: Any) -> str | float:
    if given in ("earliest", "latest"):
        return str(given)
    try:
        return _moment(given)
    except ValueError:
        raise ValueError(
            f"must be earliest, latest or a time such as 2026-11-29T06:00:00Z, not {given!r}"
        ) from None


def _offsets(given: Any) -> int | float | None:
    """An offset, or a moment as `float`."""
    if given is None:
        return None
    return given if type(given) is int and given >= 0 else _moment(given)


def _known_partitioner(_: Any, __: Any, value: str) -> None:
    if value not in _PARTITIONERS:
        raise ValueError(f"is not a partitioner. {nearest(value, _PARTITIONERS)}")


@attrs.frozen(kw_only=True, slots=False)  # two bases with slots cannot be joined
class _KafkaOptions:
    """What both roles take."""

    host: str = option(
        "localhost:9092", doc="The servers, host:port with commas between.", converter=_hosts
    )
    client: Callable[..., Any] | None = option(
        None,
        doc="What makes the client of a configuration, such as a subclass of that of "
        "confluent_kafka; only from Python.",
        converter=_maker,
    )
    config: Config = option(
        None,
        doc="Settings for librdkafka, handed on as they are: security.protocol, sasl.password, …",
        converter=Config,
    )
    topic_partitions: int = option(
        1, doc="Partitions of a topic that topic_check creates.", validator=at_least(1)
    )
    topic_replication: int | None = option(
        None,
        doc="Copies of a topic that topic_check creates; the server's default, if not given.",
        validator=at_least(1),
    )


@attrs.frozen(kw_only=True)
class KafkaConsumerOptions(_KafkaOptions, TopicOptions):
    """Options of a Kafka consumer."""

    group: str = option(
        "geowatch",
        doc="The consumer group: its members share the partitions, and its offsets are kept.",
        validator=attrs.validators.min_len(1),
    )
    start: str | float = option(
        "earliest",
        doc="Where a group begins that has no offset yet: earliest, latest, or a time.",
        converter=_start,
    )
    partitions: tuple[int, ...] | None = option(
        None,
        doc="Only these partitions, whoever else reads them; no sharing with the group.",
        converter=_partitions,
    )
    replay_from: int | float | None = option(
        None,
        doc="With partitions: begin at this offset or time at every opening, whatever was acked.",
        converter=_offsets,
    )
    max_unsettled: int = option(
        100_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )

    def __attrs_post_init__(self) -> None:
        refuse("consumer", self.config)
        if self.replay_from is not None and self.partitions is None:
            raise ValueError("replay_from needs partitions: members of a group cannot begin anew")


@attrs.frozen(kw_only=True)
class KafkaProducerOptions(_KafkaOptions, KeyedTopicOptions):
    """Options of a Kafka producer."""

    partitioner: str = option(
        "murmur2_random",
        doc="How a key chooses its partition; the default is that of Java's clients.",
        validator=_known_partitioner,
    )
    delivery_timeout: float = option(
        60.0,
        doc="Seconds after which a message that was not confirmed is called retryable.",
        validator=at_least(0.1),
    )

    def __attrs_post_init__(self) -> None:
        refuse("producer", self.config)
