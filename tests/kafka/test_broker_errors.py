"""Every kind of refusal that a broker has, injected into librdkafka's imitation of a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from geowatch_core import (
    CONFIRMED,
    Consumer,
    Message,
    PermanentError,
    Producer,
    RetryableError,
    provision_consumer,
    provision_producer,
)
from tests.kafka.mock import Api, MockKafka
from tests.kafka.raw import Raw, datas
from tests.kafka.route import lost, numbered

COUNT = 60
PATIENCE = 100.0

# The numbers are those of https://kafka.apache.org/protocol#protocol_error_codes
PRODUCE = (2, 3, 5, 6, 7, 10, 13, 19, 20, 29, 87)
COMMIT = (7, 14, 15, 16, 22, 25, 27, 28, 30)
JOIN = (14, 15, 16, 25, 79)
SYNC = (15, 16, 22, 25, 27)
HEARTBEAT = (15, 16, 22, 25, 27)
FETCH = (3, 6, 7, 13, 74, 76)
COORDINATOR = (14, 15)
OFFSETS = (14, 16, 88)
PRODUCER_ID = (14, 15, 16)


@pytest.fixture
def raw_mock(mock_kafka: MockKafka) -> Iterator[Raw]:
    """The imitation as its own client sees it."""
    with Raw(mock_kafka.host, mock_kafka) as client:
        yield client
    for api in Api:
        mock_kafka.forgive(api)


def _consumer(host: str, topic: str, **more: Any) -> Consumer:
    config = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 100}
    return provision_consumer(
        "kafka", host=host, topic=topic, group=topic, config=config, timeout=2, **more
    )


def _moved(consumer: Consumer, producer: Producer, raw: Raw, source: str) -> None:
    """Move messages as a broker does, until the group has committed all of them."""
    deadline = time.monotonic() + PATIENCE
    while sum(raw.committed(source, source).values()) < COUNT:
        assert time.monotonic() < deadline, "the flow has stopped"
        try:
            messages = consumer.consume(10, 0.2)
        except (RetryableError, PermanentError):
            continue
        left: Sequence[Message] = messages
        while left:
            assert time.monotonic() < deadline, "nothing is delivered"
            outcomes = producer.deliver(left)
            left = [m for m, o in zip(left, outcomes, strict=True) if o is not CONFIRMED]
        while messages:
            assert time.monotonic() < deadline, "nothing is acked"
            try:
                consumer.ack(messages)
                break
            except (RetryableError, PermanentError):
                time.sleep(0.02)


@pytest.mark.parametrize(
    ("api", "codes"),
    [
        pytest.param(Api.PRODUCE, PRODUCE, id="produce"),
        pytest.param(Api.OFFSET_COMMIT, COMMIT, id="commit", marks=pytest.mark.long),
        pytest.param(Api.JOIN_GROUP, JOIN, id="join"),
        pytest.param(Api.SYNC_GROUP, SYNC, id="sync", marks=pytest.mark.long),
        pytest.param(Api.HEARTBEAT, HEARTBEAT, id="heartbeat", marks=pytest.mark.long),
        pytest.param(Api.FETCH, FETCH, id="fetch"),
        pytest.param(Api.FIND_COORDINATOR, COORDINATOR, id="coordinator"),
        pytest.param(Api.OFFSET_FETCH, OFFSETS, id="offsets"),
        pytest.param(Api.INIT_PRODUCER_ID, PRODUCER_ID, id="producer-id"),
    ],
)
def test_no_error_of_a_broker_loses_a_message(
    api: Api, codes: Sequence[int], mock_kafka: MockKafka, raw_mock: Raw, topic: str
) -> None:
    """Whatever a broker answers to one request after the other, all arrives and is committed."""
    source = raw_mock.create(f"{topic}-in", 2)
    raw_mock.create(topic, 2)
    raw_mock.put(source, numbered(COUNT))
    with provision_producer("kafka", host=mock_kafka.host, topic=topic, timeout=1) as producer:
        if api is not Api.PRODUCE:
            assert producer.deliver([Message(b"0")]) == [CONFIRMED]  # it has its id by now
        mock_kafka.fail(api, *codes)
        with _consumer(mock_kafka.host, source) as consumer:
            _moved(consumer, producer, raw_mock, source)
    assert not lost(datas(raw_mock.read(topic)), COUNT)


@pytest.mark.parametrize("more", [0, 2_000], ids=["fetching", "full"])
@pytest.mark.parametrize("code", COMMIT)
def test_a_failed_commit_is_never_called_a_success(
    code: int, more: int, mock_kafka: MockKafka, raw_mock: Raw, topic: str
) -> None:
    """An ack that returned has been committed; one whose commits all fail raises."""
    source = raw_mock.create(topic, 1)
    raw_mock.put(source, numbered(3 + more))
    with _consumer(mock_kafka.host, source) as consumer:
        messages: list[Message] = []
        deadline = time.monotonic() + PATIENCE
        while len(messages) < 3:
            assert time.monotonic() < deadline
            messages += consumer.consume(3 - len(messages), 0.5)
        mock_kafka.fail(Api.OFFSET_COMMIT, *[code] * 200)
        with pytest.raises((RetryableError, PermanentError)):
            consumer.ack(messages)
        assert [m.settled for m in messages] == [None] * 3
        mock_kafka.forgive(Api.OFFSET_COMMIT)
        assert raw_mock.committed(source, source) == {}
