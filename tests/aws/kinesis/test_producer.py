"""What a producer puts into a stream, what it answers, and what it does when calls half-fail."""

from __future__ import annotations

import itertools
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from geowatch_core import (
    CONFIRMED,
    Broker,
    Message,
    PermanentError,
    Producer,
    Retry,
    RetryableError,
    provision_consumer,
    provision_producer,
)
from tests.aws import faults
from tests.aws.kinesis.stream import Stream
from tests.conftest import PROFILE
from tools.local import until

_SEED = 5


@contextmanager
def opened(stream: Stream, **more: Any) -> Iterator[Producer]:
    """An open producer of a stream."""
    given = {**stream.options, "codec": "plain", "max_tries": 1, **more}
    with provision_producer("kinesis", **given) as producer:
        yield producer


def records(stream: Stream) -> list[tuple[str, str]]:
    """Partition key and text of every record, shard by shard, as the service gives them."""
    found = []
    for shard in stream.shards():
        answer = stream.client.get_shard_iterator(
            StreamName=stream.name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        iterator, empty = answer["ShardIterator"], 0
        while iterator and empty < 2:
            answer = stream.client.get_records(ShardIterator=iterator)
            found += [(each["PartitionKey"], each["Data"].decode()) for each in answer["Records"]]
            empty += not answer["Records"]
            iterator = answer.get("NextShardIterator")
    return found


def failing(entries: frozenset[int], code: str = "ProvisionedThroughputExceededException") -> Any:
    """Have the next PutRecords refuse these entries, and take the others."""
    left = [entries]

    def act(true: Any, client: Any, name: str, given: dict[str, Any]) -> Any:
        out = left.pop() if left else frozenset()
        through = [each for i, each in enumerate(given["Records"]) if i not in out]
        answer = true(client, name, {**given, "Records": through}) if through else {"Records": []}
        taken = iter(answer["Records"])
        refusal = {"ErrorCode": code, "ErrorMessage": "Rate exceeded"}
        every = [refusal if i in out else next(taken) for i in range(len(given["Records"]))]
        return {"FailedRecordCount": len(out), "Records": every}

    return faults.intercepted({"PutRecords": act})


def subsets(size: int) -> Iterator[frozenset[int]]:
    """Every subset of so many indexes."""
    for count in range(size + 1):
        yield from map(frozenset, itertools.combinations(range(size), count))


def test_of_every_half_failed_call_exactly_the_failed_are_tried_again(moto_url: str) -> None:
    """Each subset of up to six entries, and random ones of 10 and 500: all arrive, once."""
    chance = random.Random(_SEED)
    stream = Stream(moto_url, f"subsets-{time.time_ns():x}")
    cases = [(size, out) for size in range(1, 7) for out in subsets(size)]
    cases += [
        (size, frozenset(i for i in range(size) if chance.random() < share))
        for size in (10, 500)
        for share in (0.1, 0.5, 0.9)
    ]
    expected = []
    with opened(stream) as producer:
        for number, (size, out) in enumerate(cases):
            messages = [Message.of(f"{number}-{i}", key=b"k") for i in range(size)]
            with failing(out):
                outcomes = producer.deliver(messages)
            assert {i for i, each in enumerate(outcomes) if each is not CONFIRMED} == out
            assert all(isinstance(outcomes[i], RetryableError) for i in out)
            again = producer.deliver([messages[i] for i in sorted(out)])
            assert all(each is CONFIRMED for each in again)
            expected += [f"{number}-{i}" for i in range(size)]
    assert sorted(text for _, text in records(stream)) == sorted(expected)
    stream.close()


def test_an_entry_that_can_never_be_taken_is_permanent(stream: Stream) -> None:
    """A key that the service may not use for encryption does not become allowed by trying."""
    with opened(stream) as producer, failing(frozenset({1}), "KMSAccessDeniedException"):
        first, second, third = producer.deliver([Message.of(text) for text in "abc"])
    assert first is CONFIRMED
    assert isinstance(second, PermanentError)
    assert third is CONFIRMED


@pytest.mark.parametrize(
    ("value", "expected"),
    [("bus 7", "bus 7"), (7, "7"), (True, "true"), ("x" * 256, "x" * 256), ("é" * 256, "é" * 256)],
)
def test_a_partition_key_is_found_by_its_path(stream: Stream, value: Any, expected: str) -> None:
    """Texts as they are, numbers and booleans as JSON."""
    with opened(stream, codec="json", partition_key="properties.vehicle") as producer:
        (outcome,) = producer.deliver([Message.of({"properties": {"vehicle": value}})])
    assert outcome is CONFIRMED
    assert [key for key, _ in records(stream)] == [expected]


@pytest.mark.parametrize("key", [None, b"", b"\xff\x00", b"x" * 257, "é".encode() * 257])
def test_a_key_that_cannot_be_one_is_replaced_by_a_hash(stream: Stream, key: bytes | None) -> None:
    """The same for equal keys, and never the data itself, which logs would show."""
    with opened(stream) as producer:
        outcomes = producer.deliver([Message.of("secret place", key=key) for _ in range(2)])
    assert outcomes == [CONFIRMED, CONFIRMED]
    (first, _), (second, _) = records(stream)
    assert first == second
    assert set(first) <= set("0123456789abcdef")
    assert len(first) in (32, 64)


def test_messages_without_a_key_spread_over_the_shards(ending_stream: Stream) -> None:
    """Of 200 messages each of two shards gets its part."""
    ending_stream.split()
    with opened(ending_stream) as producer:
        producer.deliver([Message.of(f"m{i}") for i in range(200)])
    with provision_consumer("kinesis", **ending_stream.reading) as consumer:
        messages: list[Message] = []
        until(
            lambda: messages.extend(consumer.consume(200, 0.5)) or len(messages) >= 200, "all came"
        )
    counts = Counter(message.position.shard for message in messages)
    assert len(counts) == 2
    assert min(counts.values()) > 40


def test_the_size_limit_is_that_of_the_stream(stream: Stream) -> None:
    """A stream that was raised to ten MiB takes more than one, and says so itself."""

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        answer = true(client, name, given)
        answer["StreamDescriptionSummary"]["MaxRecordSizeInKiB"] = 10_240
        return answer

    with opened(stream) as producer:
        assert producer.capabilities.max_message == 1 << 20
        assert producer.capabilities.max_batch_bytes == 5 << 20
    with faults.intercepted({"DescribeStreamSummary": act}), opened(stream) as producer:
        assert producer.capabilities.max_message == 10 << 20
        assert producer.capabilities.max_batch_bytes == 10 << 20


@pytest.mark.parametrize("text", ["x", "é", "東", "🌍"])
def test_sizes_at_the_limit_count_bytes_of_data_and_key(ending_stream: Stream, text: str) -> None:
    """One byte below, at and above the limit, in text of 1 to 4 bytes a character."""
    limit, key = 1 << 20, "schlüssel"
    outcomes = []
    sizes = (limit - 1, limit, limit + 1)
    with opened(ending_stream) as producer:
        for size in sizes:
            room = size - len(key.encode())
            body = text * (room // len(text.encode()))
            body += "-" * (room - len(body.encode()))
            outcomes += producer.deliver([Message.of(body, key=key.encode())])
    assert outcomes[:2] == [CONFIRMED, CONFIRMED]
    assert "1048576 bytes" in str(outcomes[2])
    found = [len(key.encode()) + len(body.encode()) for _, body in records(ending_stream)]
    assert found == [limit - 1, limit]


def test_put_records_is_called_as_seldom_as_can_be(stream: Stream) -> None:
    """1,000 small messages are two calls."""
    calls: list[int] = []

    def counted(true: Any, client: Any, name: str, given: Any) -> Any:
        calls.append(len(given["Records"]))
        return true(client, name, given)

    with opened(stream) as producer, faults.intercepted({"PutRecords": counted}):
        producer.deliver([Message.of(f"m{i}") for i in range(1000)])
    assert calls == [500, 500]


def test_in_order_keeps_each_key_in_order_across_failures(ending_stream: Stream) -> None:
    """What follows a failed message of its key is held back; other keys go on."""
    chance = random.Random(_SEED)
    ending_stream.split()
    lock = threading.Lock()

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        with lock:
            fails = chance.random() < 0.3
        if fails:
            raise faults.answer("ProvisionedThroughputExceededException", 400, name)
        return true(client, name, given)

    messages = [Message.of(f"{i % 7}:{i}", key=str(i % 7).encode()) for i in range(210)]
    left, rounds = messages, 0
    breaking = faults.intercepted({"PutRecord": act})
    with opened(ending_stream, in_order=True) as producer, breaking:
        while left:
            outcomes = producer.deliver(left)
            left = [m for m, each in zip(left, outcomes, strict=True) if each is not CONFIRMED]
            rounds += 1
    found = records(ending_stream)
    assert rounds > 1
    for key in map(str, range(7)):
        numbers = [int(text.split(":")[1]) for each, text in found if each == key]
        assert numbers == list(range(int(key), 210, 7)), f"seed {_SEED}"


def test_in_order_says_the_number_of_the_record_before(stream: Stream) -> None:
    """The service orders by it; without it records are ordered by when they arrive."""
    given: list[dict[str, Any]] = []

    def counted(true: Any, client: Any, name: str, asked: Any) -> Any:
        answer = true(client, name, asked)
        given.append({**asked, "number": answer["SequenceNumber"]})
        return answer

    with opened(stream, in_order=True) as producer, faults.intercepted({"PutRecord": counted}):
        producer.deliver([Message.of("a", key=b"k"), Message.of("b", key=b"k")])
        producer.deliver([Message.of("c", key=b"k")])
    assert "SequenceNumberForOrdering" not in given[0]
    assert [each["SequenceNumberForOrdering"] for each in given[1:]] == [
        given[0]["number"],
        given[1]["number"],
    ]


def test_topic_check_creates_the_stream_with_its_shards(kinesalite_url: str) -> None:
    """As many as were asked for; another producer finds it there."""
    name = f"made-{time.time_ns():x}"
    given = {**Stream.keys(kinesalite_url), "topic": name, "topic_prefix": "p-", "codec": "plain"}
    for _ in range(2):
        with provision_producer("kinesis", **given, topic_check=True, shards=3) as producer:
            assert producer.deliver([Message.of("a")]) == [CONFIRMED]
    with pytest.raises(PermanentError, match="topic_check"):
        provision_producer("kinesis", **{**given, "topic_prefix": ""}, max_tries=1)
    stream = Stream.there(kinesalite_url, f"p-{name}")
    assert len(stream.shards()) == 3
    stream.close()


def test_a_storm_of_throttles_loses_nothing_and_makes_few_calls(moto_url: str) -> None:
    """30 % of the calls throttled and 5 % failed: all arrives, in at most 3 times the calls."""
    seconds = 60.0 if PROFILE == "long" else 4.0
    chance, lock, calls = random.Random(_SEED), threading.Lock(), [0]

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        with lock:
            calls[0] += 1
            luck = chance.random()
        if luck < 0.3:
            raise faults.answer("ThrottlingException", 400, name)
        if luck < 0.35:
            raise faults.answer("InternalFailure", 500, name)
        return true(client, name, given)

    stream = Stream(moto_url, f"storm-{time.time_ns():x}")
    source = provision_producer("memory", topic=stream.name, codec="plain")
    consumer = provision_consumer("memory", topic=stream.name, codec="plain", until_empty=True)
    sent = 0
    with opened(stream) as producer, faults.intercepted({"PutRecords": act}):
        began = time.monotonic()
        broker = Broker(
            consumers=[consumer],
            producers=[producer],
            count=500,
            retry=Retry(base=0.02, cap=0.2),
        )
        with broker, source:
            while time.monotonic() - began < seconds:
                source.deliver([Message.of(f"m{sent + i}") for i in range(500)])
                sent += 500
                broker.run(max_cycle=1)
            broker.run(max_cycle=1)
    texts = [text for _, text in records(stream)]
    sys.stdout.write(f"seed {_SEED}: {sent} sent in {calls[0]} calls, {sent // 500} needed\n")
    assert sorted(texts) == sorted(f"m{i}" for i in range(sent))
    assert calls[0] <= 3 * (sent // 500) + 3
    stream.close()
