"""What a consumer brings of a stream: from where, in which order, across closed shards and time."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import (
    Message,
    PermanentError,
    Settlement,
    provision_consumer,
)
from tests.aws import faults
from tests.aws.kinesis.reading import brought, nothing_more, opened, texts
from tests.aws.kinesis.stream import Stream
from tools.kinesalite import age_iterators
from tools.local import Server, until


def test_latest_brings_what_is_put_after_opening(stream: Stream) -> None:
    """The seed's default: what was there before is not brought."""
    stream.put(["before"])
    with opened(stream, shard_it_type="LATEST") as consumer:
        assert nothing_more(consumer)
        stream.put(["after"])
        assert texts(consumer, 1) == ["after"]


def test_latest_is_the_moment_of_opening(stream: Stream) -> None:
    """What is put before anybody consumes is brought."""
    with opened(stream, shard_it_type="LATEST") as consumer:
        stream.put(["at once"])
        assert texts(consumer, 1) == ["at once"]


def test_latest_that_expires_before_the_first_record_loses_nothing(
    own_kinesalite: tuple[Server, str],
) -> None:
    """What came while nobody consumed, for longer than an iterator lives, is brought."""
    server, url = own_kinesalite
    stream = Stream(url, "late")
    with opened(stream, shard_it_type="LATEST") as consumer:
        stream.put(["meanwhile"])
        age_iterators(server)
        assert texts(consumer, 1) == ["meanwhile"]
    stream.close()


def test_latest_loses_nothing_of_a_group_that_died_before_its_first_ack(
    stream: Stream, tmp_path: Path
) -> None:
    """What came after the group's first start is brought, although it was never read before."""
    options = {"shard_it_type": "LATEST", "position": str(tmp_path / "leases.json")}
    with opened(stream, **options) as consumer:
        assert nothing_more(consumer)
    stream.put(["while nobody was there"])
    with opened(stream, **options) as consumer:
        assert texts(consumer, 1) == ["while nobody was there"]


def test_a_timestamp_brings_what_was_put_from_then_on(ending_stream: Stream) -> None:
    """Records of an earlier second are not brought."""
    ending_stream.put(["before"])
    time.sleep(2.1)  # the service's clock and ours are one, and it is asked in whole seconds
    then = time.time() - 1
    ending_stream.put(["after"])
    with opened(ending_stream, shard_it_type="AT_TIMESTAMP", shard_it_timestamp=then) as consumer:
        assert texts(consumer, 1) == ["after"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("AT_SEQUENCE_NUMBER", ["b", "c"]), ("AFTER_SEQUENCE_NUMBER", ["c"])],
)
def test_a_sequence_number_brings_what_is_there_or_behind_it(
    stream: Stream, kind: str, expected: list[str]
) -> None:
    """Of the one shard that it is a number of."""
    numbers = stream.put(["a", "b", "c"])
    (shard,) = stream.shards()
    with opened(
        stream,
        shard_id=shard["ShardId"],
        shard_it_type=kind,
        shard_it_sequence_number=numbers[1],
    ) as consumer:
        assert texts(consumer, len(expected)) == expected


def test_all_shards_are_read_and_one_where_one_is_asked_for(ending_stream: Stream) -> None:
    """`shard_id` narrows, as it did in 2015; without it nothing is left out."""
    ending_stream.split()
    ending_stream.put_all([(f"key {i}", f"text {i}") for i in range(40)])
    with opened(ending_stream) as consumer:
        assert sorted(texts(consumer, 40)) == sorted(f"text {i}" for i in range(40))
    one, other = (shard["ShardId"] for shard in ending_stream.open_shards())
    halves = []
    for shard in (one, other):
        with opened(ending_stream, shard_id=shard) as consumer:
            messages = consumer.consume(40, 10)
            halves.append({message.data.decode() for message in messages})
            assert {message.position.shard for message in messages} == {shard}
    assert halves[0] | halves[1] == {f"text {i}" for i in range(40)}
    assert not halves[0] & halves[1]


def test_a_shard_that_is_not_there_is_refused_and_those_that_are_named(stream: Stream) -> None:
    """A mistyped shard must not look like a quiet one."""
    with (
        pytest.raises(PermanentError, match=r"no such shard.*There are: shardId-000000000000"),
        opened(stream, shard_id="shardId-000000000009"),
    ):
        pass


def test_a_closed_shard_that_was_asked_for_is_exhausted_when_it_is_done(
    ending_stream: Stream,
) -> None:
    """A run over one closed shard ends by itself; streams as a whole never do."""
    ending_stream.put(["a", "b"])
    (shard,) = ending_stream.shards()
    ending_stream.split()
    with opened(ending_stream, shard_id=shard["ShardId"]) as consumer:
        messages = brought(consumer, 2)
        assert not consumer.exhausted
        consumer.ack(messages)
        until(lambda: not consumer.consume(1, 0.2) and consumer.exhausted, "it is exhausted")


def test_children_are_brought_when_all_of_their_parents_is_acked(ending_stream: Stream) -> None:
    """Not when it was merely read: an unacked message of the parent may come again."""
    ending_stream.put(["parent 1", "parent 2"])
    ending_stream.split()
    ending_stream.put_all([(f"key {i}", f"child {i}") for i in range(10)])
    with opened(ending_stream) as consumer:
        first, second = brought(consumer, 2)
        consumer.ack([first])
        assert nothing_more(consumer)
        consumer.ack([second])
        assert sorted(texts(consumer, 10)) == sorted(f"child {i}" for i in range(10))


def test_a_merged_shard_waits_for_both_parents(ending_stream: Stream) -> None:
    """The records of both come before those of the shard that they became."""
    ending_stream.split()
    ending_stream.put_all([(f"key {i}", f"parent {i}") for i in range(20)])
    ending_stream.merge()
    ending_stream.put_all([(f"key {i}", f"child {i}") for i in range(20)])
    with opened(ending_stream) as consumer:
        arrived = texts(consumer, 40)
    assert {text.split()[0] for text in arrived[:20]} == {"parent"}
    assert sorted(arrived[20:]) == sorted(f"child {i}" for i in range(20))


def test_closed_shards_are_read_to_their_end_after_a_restart(
    ending_stream: Stream, tmp_path: Path
) -> None:
    """Two generations close while nobody reads; the next start goes on in the middle of one."""
    options = {"position": str(tmp_path / "leases.json")}
    ending_stream.put([f"first {i}" for i in range(4)])
    with opened(ending_stream, **options) as consumer:
        assert texts(consumer, 2) == ["first 0", "first 1"]
    ending_stream.split()
    ending_stream.put(["second"])
    ending_stream.merge()
    ending_stream.put(["third"])
    with opened(ending_stream, **options) as consumer:
        assert texts(consumer, 4) == ["first 2", "first 3", "second", "third"]
    with opened(ending_stream, **options) as consumer:
        assert nothing_more(consumer)


def test_a_reshard_is_discovered_while_running(ending_stream: Stream) -> None:
    """Nobody tells the consumer: the end of a shard does."""
    with opened(ending_stream) as consumer:
        for generation in range(3):
            ending_stream.put([f"generation {generation}"])
            assert texts(consumer, 1) == [f"generation {generation}"]
            ending_stream.split(-1)


def test_a_shard_is_read_no_faster_than_the_service_allows(ending_stream: Stream) -> None:
    """A read waits for the interval, or longer: two MiB a second is all that a shard gives."""
    reads: list[tuple[float, int]] = []

    def counted(true: Any, client: Any, name: str, given: Any) -> Any:
        began = time.monotonic()
        answer = true(client, name, given)
        reads.append((began, sum(len(record["Data"]) for record in answer["Records"])))
        return answer

    ending_stream.put(["x" * 1_000_000 for _ in range(4)])
    counting = faults.intercepted({"GetRecords": counted})
    with counting, opened(ending_stream, read_interval=0.25) as consumer:
        assert len(texts(consumer, 4)) == 4
        until(lambda: not consumer.consume(5, 0.1) and len(reads) >= 5, "five reads")
    assert sum(size for _, size in reads) == 4_000_000
    for (began, size), (later, _) in itertools.pairwise(reads):
        assert later - began >= max(0.25, size / (2 << 20))


def test_what_nobody_asks_for_is_not_read(stream: Stream) -> None:
    """No hidden prefetch: a consumer that is open and idle asks the service for no records."""
    calls: list[str] = []

    def counted(true: Any, client: Any, name: str, given: Any) -> Any:
        calls.append(name)
        return true(client, name, given)

    stream.put(["a"])
    with faults.intercepted({"GetRecords": counted}), opened(stream) as consumer:
        time.sleep(0.3)
        assert calls == []
        assert texts(consumer, 1) == ["a"]


def test_only_the_prefix_of_a_shard_is_remembered(stream: Stream, tmp_path: Path) -> None:
    """Shards settle each for itself; a gap in one holds back what follows in that one."""
    options = {"position": str(tmp_path / "leases.json")}
    stream.put(["a", "b", "c"])
    with opened(stream, **options) as consumer:
        a, _, c = brought(consumer, 3)
        consumer.ack([c])
        consumer.ack([a])
    with opened(stream, **options) as consumer:
        assert texts(consumer, 2) == ["b", "c"]


def test_keys_that_stand_for_none_come_as_none(stream: Stream) -> None:
    """A message that had no key has none when it arrives, whichever hash stood for it."""
    from geowatch_core import provision_producer

    with provision_producer("kinesis", **{**stream.options, "codec": "plain"}) as producer:
        assert producer.deliver([Message.of("no key"), Message.of("a key", key=b"k")])
    with opened(stream) as consumer:
        keys = {message.data: message.key for message in brought(consumer, 2)}
    assert keys == {b"no key": None, b"a key": b"k"}


@pytest.mark.parametrize(
    ("options", "settles", "persistent", "over"),
    [
        ({}, Settlement.NONE, True, True),
        ({"shard_it_type": "LATEST"}, Settlement.NONE, True, False),
        ({"group": "g", "leases": "memory"}, Settlement.PREFIX, False, False),
    ],
)
def test_what_a_consumer_without_lasting_leases_claims(
    stream: Stream, options: dict[str, Any], settles: Settlement, persistent: bool, over: bool
) -> None:
    """Positions in memory are no promise beyond the process, and the capabilities say so."""
    if "group" in options:
        options = {**options, "group": stream.name}
    with opened(stream, **options) as consumer:
        can = consumer.capabilities
    assert (can.settles, can.persistent, can.starts_over) == (settles, persistent, over)


def test_two_consumers_without_a_group_each_read_everything(stream: Stream) -> None:
    """As two processes of 2015 did: nothing is shared unless it is asked for."""
    stream.put(["a", "b"])
    with opened(stream) as one, opened(stream) as other:
        assert texts(one, 2) == texts(other, 2) == ["a", "b"]


def test_a_client_of_ones_own_is_used_and_left_open(stream: Stream) -> None:
    """Whatever it makes of times; and who made it closes it."""
    stream.put(["a"])
    given = {"topic": stream.name, "client": stream.client}
    reading = {"shard_it_type": "TRIM_HORIZON", "codec": "plain", "read_interval": 0.02}
    with provision_consumer("kinesis", **given, **reading) as consumer:
        (message,) = brought(consumer, 1)
    assert message.time is not None
    assert abs(message.time - time.time()) < 600
    assert stream.put(["b"])


def test_a_shard_that_left_the_stream_unread_is_said_and_passed(
    ending_stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    """Retention took it: its children are read, and an error in the log says what was lost."""
    ending_stream.put(["lost"])
    ending_stream.split()
    ending_stream.put(["kept"])
    gone = "shardId-000000000000"

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        if name == "GetShardIterator" and given["ShardId"] == gone:
            raise faults.answer("ResourceNotFoundException", 400, name)
        answer = true(client, name, given)
        if name == "ListShards" and taken:
            answer["Shards"] = [shard for shard in answer["Shards"] if shard["ShardId"] != gone]
        return answer

    taken: list[bool] = []
    broken = faults.intercepted(dict.fromkeys(("GetShardIterator", "ListShards"), act))
    with broken, opened(ending_stream) as consumer:
        taken.append(True)
        assert texts(consumer, 1) == ["kept"]
    assert f"{gone} has left the stream" in caplog.text
