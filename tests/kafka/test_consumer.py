"""What a consumer does beyond what every consumer must: groups, offsets, pauses, processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from geowatch_core import (
    Consumer,
    Message,
    PermanentError,
    RetryableError,
    provision_consumer,
)
from geowatch_core.errors import GeoWatchError
from tests.kafka.raw import Raw, datas
from tests.kafka.route import STEADY, numbered
from tools.kafka import Kafka
from tools.local import until

PATIENCE = 60.0


def consumer(raw: Raw, topic: str, **more: Any) -> Consumer:
    """An open consumer in a group of the topic's name."""
    options = {"group": topic, "config": STEADY, "topic": topic, "host": raw.host, **more}
    return provision_consumer("kafka", **options)


def brought(source: Consumer, count: int) -> list[Message]:
    """The next messages."""
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE
    while len(messages) < count:
        assert time.monotonic() < deadline, f"only {len(messages)} of {count} came"
        messages += source.consume(count - len(messages), 0.5)
    return messages


def raised(act: Callable[[], Any], kind: type[GeoWatchError]) -> GeoWatchError:
    """What an act raises sooner or later."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            act()
        except kind as error:
            return error
    raise AssertionError(f"no {kind.__name__} was raised")


def test_a_new_group_begins_with_the_earliest_message(raw: Raw, topic: str) -> None:
    """What was there before the group was is not skipped."""
    raw.put(raw.create(topic), numbered(5))
    with consumer(raw, topic) as source:
        assert datas(brought(source, 5)) == datas(numbered(5))


def test_latest_begins_behind_what_is_there_and_remembers_it(raw: Raw, topic: str) -> None:
    """A group that starts at the end has that as its offset, before it has acked anything."""
    raw.put(raw.create(topic), numbered(5))
    with consumer(raw, topic, start="latest"):
        until(lambda: raw.committed(topic, topic) == {0: 5}, "the end as the group's offset")
    raw.put(topic, numbered(2, 5))
    with consumer(raw, topic, start="latest") as source:
        assert datas(brought(source, 2)) == [b"%08d" % 5, b"%08d" % 6]


def test_a_time_begins_with_the_first_message_of_it(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """A group can begin at a moment; the imitation keeps no times."""
    times = [1_700_000_000.0 + 60 * n for n in range(4)]
    raw.put(raw.create(topic), [Message(b"%d" % n, time=at) for n, at in enumerate(times)])
    with consumer(raw, topic, start="2023-11-14T22:15:00Z") as source:  # 1,700,000,100
        assert datas(brought(source, 2)) == [b"2", b"3"]


@pytest.mark.parametrize(
    ("replay_from", "expected"),
    [(1, [b"1", b"2"]), ("2023-11-14T22:15:00Z", [b"2"])],
    ids=["offset", "time"],
)
def test_a_replay_begins_there_at_every_opening(
    replay_from: Any, expected: list[bytes], real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """Named partitions can be read again from an offset or a time, whatever was acked."""
    times = [1_700_000_000.0 + 60 * n for n in range(3)]
    raw.create(topic, 2)
    raw.put(topic, [Message(b"%d" % n, time=at) for n, at in enumerate(times)], partition=1)
    raw.put(topic, [Message(b"other")], partition=0)
    for _ in range(2):
        with consumer(raw, topic, partitions=[1], replay_from=replay_from) as source:
            messages = brought(source, len(expected))
            assert datas(messages) == expected
            source.ack(messages)
            assert source.consume(10, 0.2) == []


def test_a_partition_that_is_not_there_is_named(raw: Raw, topic: str) -> None:
    """An explicit partition beyond those of the topic is refused, with how many there are."""
    raw.create(topic, 2)
    with pytest.raises(PermanentError, match=r"no such partition \(got 7\)\. It has 2"):
        consumer(raw, topic, partitions=[1, 7])


def test_a_stored_offset_that_is_gone_is_an_error_and_no_jump(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """Where messages were deleted before they were consumed, consume says so, and goes nowhere."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    raw.put(raw.create(topic), numbered(10))
    raw.commit(topic, topic, {0: 2})
    admin = AdminClient({"bootstrap.servers": raw.host, "log_level": 2})
    (deleted,) = admin.delete_records([TopicPartition(topic, 0, 6)]).values()
    deleted.result()
    with consumer(raw, topic) as source:
        for _ in range(2):
            error = raised(lambda: source.consume(10, 0.5), PermanentError)
            assert f"{topic}[0] is gone: the partition holds 6 to 10 (got 2)" in str(error)
            assert "--reset-offsets" in error.fix
    assert raw.committed(topic, topic) == {0: 2}


def test_a_stopped_consumer_commits_only_what_was_settled_without_a_gap(
    raw: Raw, topic: str
) -> None:
    """Of 0, 1, 2, 4 the group's offset is 3; with 3 it is 5."""
    raw.put(raw.create(topic), numbered(6))
    with consumer(raw, topic) as source:
        messages = brought(source, 6)
        source.ack([messages[4], messages[0]])
        assert raw.committed(topic, topic) == {0: 1}
        source.ack(messages[1:3])
        assert raw.committed(topic, topic) == {0: 3}
        source.ack([messages[3]])
        assert raw.committed(topic, topic) == {0: 5}
    assert raw.committed(topic, topic) == {0: 5}


def test_offsets_with_gaps_hold_nothing_back(real_kafka: Kafka, raw: Raw, topic: str) -> None:
    """What a transaction leaves between messages is no message that is not settled."""
    from confluent_kafka import Producer

    raw.create(topic)
    producer = Producer({"bootstrap.servers": raw.host, "transactional.id": topic, "log_level": 2})
    producer.init_transactions(30)
    for n in range(3):
        producer.begin_transaction()
        producer.produce(topic, b"%d" % n)
        producer.commit_transaction(30)  # which leaves a marker behind the message
    with consumer(raw, topic) as source:
        messages = brought(source, 3)
        assert datas(messages) == [b"0", b"1", b"2"]
        source.ack(messages)
        assert raw.committed(topic, topic) == {0: 5}


def test_a_blocked_sink_never_puts_the_consumer_out_of_its_group(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """Much longer than max.poll.interval without a consume or an ack, it is still a member."""
    raw.put(raw.create(topic, 2), numbered(3_000))
    config = {
        "session.timeout.ms": 4000,
        "heartbeat.interval.ms": 500,
        "max.poll.interval.ms": 4000,
    }
    with consumer(raw, topic, config=config, max_unsettled=100) as source:
        held = brought(source, 100)
        began = time.monotonic()
        while time.monotonic() - began < 9:  # what is tested is this time itself
            assert raw.members(topic) == 1
            time.sleep(0.2)
        source.ack(held)
        rest: list[Message] = []
        for _ in range(29):
            more = brought(source, 100)
            source.ack(more)
            rest += more
        assert sorted(datas(held + rest)) == sorted(datas(numbered(3_000)))
    assert sum(raw.committed(topic, topic).values()) == 3_000


def test_a_partition_that_was_paused_when_it_left_flows_when_it_is_back(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """While nobody consumes all is paused; who gets such a partition back gets all of it."""
    raw.put(raw.create(topic, 2), numbered(3_000))
    with consumer(raw, topic, max_unsettled=200) as source:
        held = brought(source, 200)
        time.sleep(1.5)  # nobody consumes for long enough to pause
        with consumer(raw, topic) as other:
            until(lambda: raw.members(topic) == 2, "a second member")
            source.ack(held)
            other.ack(brought(other, 10))
        seen = set(datas(held))
        deadline = time.monotonic() + PATIENCE
        while len(seen) < 2_990:
            assert time.monotonic() < deadline, len(seen)
            messages = source.consume(200, 0.5)
            seen.update(datas(messages))
            source.ack(messages)


def test_what_is_in_hand_is_acked_before_its_partition_goes(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """A rebalance waits for what is in hand: acked meanwhile, it comes to nobody again."""
    raw.create(topic, 2)
    for partition in (0, 1):
        raw.put(topic, numbered(100, 100 * partition), partition)
    with consumer(raw, topic, timeout=40) as source:
        held = brought(source, 200)
        with consumer(raw, topic) as other:
            time.sleep(1)  # long enough for the rebalance to begin; were it not, nothing changes
            source.ack(held)
            assert raw.committed(topic, topic) == {0: 100, 1: 100}
            until(lambda: raw.members(topic) == 2, "a second member")
            for partition in (0, 1):
                raw.put(topic, numbered(50, 200 + 50 * partition), partition)
            assert len(brought(source, 50)) == len(brought(other, 50)) == 50
            assert source.consume(10, 0.3) == other.consume(10, 0.3) == []


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(STEADY, id="range"),
        pytest.param(
            {**STEADY, "partition.assignment.strategy": "cooperative-sticky"}, id="cooperative"
        ),
        pytest.param({"group.protocol": "consumer"}, id="kip-848"),
    ],
)
def test_two_members_share_whatever_the_protocol_of_their_group(
    config: dict[str, Any], real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """One joins while messages flow, and leaves again: each message comes, to the one or other."""
    raw.put(raw.create(topic, 4), numbered(200))
    seen: list[bytes] = []
    deadline = time.monotonic() + PATIENCE

    def pull(*members: Consumer) -> int:
        brought = 0
        for member in members:
            messages = member.consume(20, 0.1)
            seen.extend(datas(messages))
            brought += len(messages)
            while messages and time.monotonic() < deadline:
                try:
                    member.ack(messages)
                    break
                except RetryableError:  # a rebalance is under way
                    time.sleep(0.05)
        return brought

    with consumer(raw, topic, config=config) as one:
        while not seen:
            pull(one)
        with consumer(raw, topic, config=config) as other:
            sent, apart = 200, 0
            while not apart and time.monotonic() < deadline:
                raw.put(topic, numbered(40, sent))
                sent += 40
                pull(one)
                apart += pull(other)
        while len(set(seen)) < sent and time.monotonic() < deadline:
            pull(one)
    assert apart
    assert set(seen) == set(datas(numbered(sent)))


def test_nothing_is_committed_for_a_partition_that_has_gone(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """What was not acked in time is the other member's: a late ack of it changes nothing."""
    raw.put(raw.create(topic, 2), numbered(200))
    with consumer(raw, topic, timeout=0.5) as source:
        held = brought(source, 200)
        with consumer(raw, topic) as other:
            again = brought(other, 1)
            gone = again[0].position.chunk.lane.partition
            source.ack(held)
            assert gone not in raw.committed(topic, topic)
            source.ack([])
    assert gone not in raw.committed(topic, topic)


def test_a_forked_process_is_refused(raw: Raw, topic: str) -> None:
    """The client's threads are not in a forked process: using it there is an error, not a hang."""
    raw.put(raw.create(topic), numbered(2))
    with consumer(raw, topic) as source:
        messages = brought(source, 2)
        acts: Sequence[Callable[[], Any]] = (
            lambda: source.consume(1, 0.1),
            lambda: source.ack(messages),
            source.close,
        )
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            said = []
            for act in acts:
                try:
                    act()
                    said.append("nothing")
                except PermanentError as error:
                    said.append(str(error))
            os.write(writer, "\n".join(said).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode().split("\n")
        os.waitpid(child, 0)
        assert [f"opened in process {os.getpid()}" in line for line in said] == [True, True, False]
        assert said[2] == "nothing"
        source.ack(messages)


def test_a_server_that_is_not_there_is_retryable(topic: str) -> None:
    """Opening says that nobody answers, and where nobody did."""
    with pytest.raises(RetryableError) as caught:
        provision_consumer(
            "kafka", host="127.0.0.1:1", topic=topic, max_tries=1, timeout=0.5, name="mine"
        )
    assert topic in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_topic_that_is_not_there_is_said_or_created(
    real_kafka: Kafka, raw: Raw, topic: str
) -> None:
    """Without topic_check it is an error that says so; with it the topic has what was asked for."""
    with pytest.raises(PermanentError, match="topic_check = true") as caught:
        consumer(raw, topic, topic_prefix="eu-")
    assert f"eu-{topic}" in str(caught.value)
    with consumer(raw, topic, topic_prefix="eu-", topic_check=True, topic_partitions=3):
        assert raw.partitions(f"eu-{topic}") == [0, 1, 2]


def test_the_client_can_be_made_by_somebody_else(raw: Raw, topic: str) -> None:
    """The option client takes a class of one's own, which gets the configuration."""
    import confluent_kafka

    made = []

    class Mine(confluent_kafka.Consumer):
        def __init__(self, settings: dict[str, Any], **more: Any) -> None:
            made.append(settings["group.id"])
            super().__init__(settings, **more)

    raw.put(raw.create(topic), numbered(1))
    with consumer(raw, topic, client=Mine) as source:
        assert len(brought(source, 1)) == 1
    assert made == [topic]
