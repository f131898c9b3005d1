"""Looks after the topic when a role opens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from geowatch_core import PermanentError, RetryableError
from geowatch_kafka import _driver
from geowatch_kafka.options import KafkaConsumerOptions, KafkaProducerOptions

__all__ = ["ensure_topic"]

_MOMENT: Final = 0.05


def ensure_topic(
    client: Any,
    options: KafkaConsumerOptions | KafkaProducerOptions,
    settings: Mapping[str, Any],
    errors: Sequence[Any],
) -> list[int]:
    """The partitions of the topic, which is created if it is not there and ``topic_check`` is set.

    Args:
        client: asked for the topic.
        options: of the role.
        settings: of the client.
        errors: what the client has reported of itself; it says why servers do not answer.

    Raises:
        RetryableError: the servers did not answer.
        PermanentError: they refused; or the topic is not there, and is not to be created.
    """
    topic, timeout, config = options.full_topic, options.timeout, options.config
    deadline = time.monotonic() + timeout
    found = _found(client, options, errors)
    if not found and not options.topic_check:
        raise PermanentError(
            "There is no such topic at Kafka",
            got=topic,
            fix="Create it, or set topic_check = true and it is created when it is opened.",
        )
    if not found:
        _driver.create_topic(
            settings,
            config,
            topic,
            options.topic_partitions,
            options.topic_replication,
            timeout,
        )
    while not found:  # a new topic takes its leaders a moment
        if time.monotonic() > deadline:
            raise RetryableError(
                f"The topic has no leader within {timeout:g} s",
                got=topic,
                fix="It is tried again; see what the servers log.",
            )
        time.sleep(_MOMENT)
        found = _found(client, options, errors)
    return found


def _found(
    client: Any, options: KafkaConsumerOptions | KafkaProducerOptions, errors: Sequence[Any]
) -> list[int]:
    try:
        return _driver.partitions_of(client, options.full_topic, options.timeout, options.config)
    except RetryableError as error:
        client.poll(0)  # brings what the client has to say of itself
        for reported in errors:
            why = _driver.error_of(reported, "Kafka does not let us in", options.config)
            if isinstance(why, PermanentError):
                raise why from error
        raise
