"""What a producer does beyond what every producer must: keys, limits, full queues, timeouts."""

from __future__ import annotations

import gc
import json
import os
import time
import warnings
from typing import Any

import pytest

from geowatch_core import (
    CONFIRMED,
    Message,
    PermanentError,
    Producer,
    RetryableError,
    TooLargeError,
    provision_producer,
)
from geowatch_core.testing.background import background
from tests.kafka.mock import MockKafka
from tests.kafka.raw import Raw, datas
from tests.kafka.route import numbered
from tools.kafka import Kafka


def producer(raw: Raw, topic: str, **more: Any) -> Producer:
    """An open producer."""
    return provision_producer("kafka", host=raw.host, topic=topic, **more)


def partition_of(raw: Raw, topic: str, message: Message) -> int:
    """The only partition that has grown by one message."""
    with producer(raw, topic) as sink:
        before = raw.ends(topic)
        assert sink.deliver([message]) == [CONFIRMED]
        after = raw.ends(topic)
    (found,) = [number for number, end in after.items() if end != before[number]]
    return found


@pytest.mark.parametrize(
    ("key", "partition"),
    # Of Java's own clients: Utils.toPositive(Utils.murmur2(key)) % 7, as its unit test has
    # murmur2("21") = -973932308, murmur2("foobar") = -790332482 and murmur2("abc") = 479470107.
    [(b"21", 3), (b"foobar", 0), (b"abc", 4)],
)
def test_a_key_goes_to_the_partition_that_java_sends_it_to(
    key: bytes, partition: int, raw: Raw, topic: str
) -> None:
    """By default, keys are spread as the clients of everybody else spread them."""
    raw.create(topic, 7)
    assert partition_of(raw, topic, Message(b"x", key=key)) == partition


def test_a_path_of_the_value_is_the_key(raw: Raw, topic: str) -> None:
    """With key = "properties.vehicle" each vehicle stays in one partition, in order."""
    raw.create(topic, 4)
    features = [
        {
            "type": "Feature",
            "properties": {"vehicle": f"bus {n % 5}", "n": n},
            "geometry": {"type": "Point", "coordinates": [n % 90, 1]},
        }
        for n in range(100)
    ]
    with producer(raw, topic, codec="geojson", key="properties.vehicle") as sink:
        assert sink.deliver([Message.of(feature) for feature in features]) == [CONFIRMED] * 100
    arrived = raw.read(topic)
    for bus in range(5):
        mine = [json.loads(m.data) for m in arrived if m.key == b"bus %d" % bus]
        assert [f["properties"]["n"] for f in mine] == list(range(bus, 100, 5))
    assert sum(end > 0 for end in raw.ends(topic).values()) > 1


def test_the_limit_is_that_of_the_topic(real_kafka: Kafka, raw: Raw, topic: str) -> None:
    """A topic that takes less narrows the claim, and the error of a larger message says so."""
    raw.create(topic, config={"max.message.bytes": "4000"})
    with producer(raw, topic) as sink:
        limit = sink.capabilities.max_message
        assert limit is not None
        assert 3000 < limit < 4000
        fits, large = sink.deliver([Message(b"x" * limit), Message(b"x" * (limit + 1))])
    assert fits is CONFIRMED
    assert isinstance(large, TooLargeError)
    assert str(limit) in str(large)


def test_a_batch_beyond_the_limit_of_the_topic_is_sent_in_parts(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """Many messages that fit one by one, and together do not, arrive in order."""
    raw.create(topic, config={"max.message.bytes": "4000"})
    messages = [Message(b"%04d" % n + b"x" * 500) for n in range(500)]
    with producer(raw, topic) as sink:
        assert sink.deliver(messages) == [CONFIRMED] * 500
    assert datas(raw.read(topic)) == datas(messages)


def test_a_full_queue_holds_back_and_loses_nothing(raw: Raw, topic: str) -> None:
    """A client whose queue takes ten messages delivers a thousand in one call, in order."""
    raw.create(topic)
    with producer(raw, topic, config={"queue.buffering.max.messages": 10}) as sink:
        assert sink.deliver(numbered(1000)) == [CONFIRMED] * 1000
    assert datas(raw.read(topic)) == datas(numbered(1000))


def test_a_server_that_stops_answering_is_retryable_and_nothing_comes_twice(
    mock_kafka: MockKafka, topic: str
) -> None:
    """Messages that are not confirmed in time are retryable, and are delivered when it is back."""
    with Raw(mock_kafka.host, mock_kafka) as raw:
        raw.create(topic)
        with producer(raw, topic, timeout=1, delivery_timeout=1.0) as sink:
            assert sink.deliver(numbered(1)) == [CONFIRMED]
            mock_kafka.down()
            try:
                outcomes = sink.deliver(numbered(3, 1))
            finally:
                mock_kafka.up()
            assert [type(outcome) for outcome in outcomes] == [RetryableError] * 3
            assert "_MSG_TIMED_OUT" in str(outcomes[0])
            deadline = time.monotonic() + 60
            while sink.deliver(numbered(3, 1)) != [CONFIRMED] * 3:
                assert time.monotonic() < deadline
        assert set(datas(raw.read(topic))) == set(datas(numbered(4)))


def test_close_ends_a_deliver_that_waits(mock_kafka: MockKafka, topic: str) -> None:
    """Closed under its hands, a deliver returns soon, and confirms nothing that is not there."""
    with Raw(mock_kafka.host, mock_kafka) as raw:
        raw.create(topic)
        sink = producer(raw, topic, timeout=1)
        mock_kafka.down()
        try:
            waiting = background(lambda: sink.deliver(numbered(3)))
            time.sleep(0.3)
            background(sink.close).result(30)
            outcomes = waiting.result(30)
        finally:
            mock_kafka.up()
        assert [type(outcome) for outcome in outcomes] == [RetryableError] * 3


def test_a_producer_dropped_without_close_warns(raw: Raw, topic: str) -> None:
    """Who forgets to close it is told; nothing is lost, as nothing stays in it."""
    sink = producer(raw, raw.create(topic))
    assert sink.deliver(numbered(1)) == [CONFIRMED]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del sink
        gc.collect()
    assert [str(w.message) for w in caught if w.category is ResourceWarning] == [
        f"kafka:{topic} was dropped without close"
    ]
    assert datas(raw.read(topic)) == datas(numbered(1))


def test_a_forked_process_may_not_deliver(raw: Raw, topic: str) -> None:
    """In a forked process each message is refused, rather than waited for without end."""
    with producer(raw, raw.create(topic)) as sink:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            (outcome,) = sink.deliver(numbered(1))
            os.write(writer, f"{isinstance(outcome, PermanentError)} {outcome}".encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        os.waitpid(child, 0)
        assert said.startswith("True ")
        assert f"opened in process {os.getpid()}" in said
        assert sink.deliver(numbered(1)) == [CONFIRMED]
