"""What a consumer brings of a stream: from where, in which order, across closed shards and time."""

from __future__ import annotations

import errno
import itertools
import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from aws_kinesis_agg import aggregator

from geowatch_core import (
    Broker,
    Consumer,
    Message,
    PermanentError,
    Retry,
    RetryableError,
    Settlement,
    provision_consumer,
)
from tests.aws import faults
from tests.aws.kinesis.stream import Stream
from tools.kinesalite import age_iterators
from tools.local import Server, until


@contextmanager
def opened(stream: Stream, **more: Any) -> Iterator[Consumer]:
    """An open consumer of a stream."""
    with provision_consumer("kinesis", **{**stream.reading, "max_tries": 1, **more}) as consumer:
        yield consumer


def texts(consumer: Consumer, count: int, *, failing: bool = False) -> list[str]:
    """The next texts, each acked when it has come."""
    messages = brought(consumer, count, ack=True, failing=failing)
    return [message.data.decode() for message in messages]


def brought(
    consumer: Consumer, count: int, *, ack: bool = False, failing: bool = False
) -> list[Message]:
    """The next messages; of a service that may be `failing` before it brings them."""
    messages: list[Message] = []

    def enough() -> bool:
        with suppress(RetryableError) if failing else nullcontext():
            new = consumer.consume(count - len(messages), 0.2)
            if ack:
                consumer.ack(new)
            messages.extend(new)
        return len(messages) >= count

    until(enough, f"{count} messages came")
    return messages


def nothing_more(consumer: Consumer) -> bool:
    """Whether nothing comes for a while."""
    return not consumer.consume(10, 0.5)


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


def test_an_expired_iterator_is_renewed_behind_the_last_record(
    own_kinesalite: tuple[Server, str],
) -> None:
    """After more than five minutes without a read nothing is lost, and nothing comes twice."""
    server, url = own_kinesalite
    stream = Stream(url, "ages")
    with opened(stream) as consumer:
        stream.put(["a", "b"])
        assert texts(consumer, 2) == ["a", "b"]
        age_iterators(server)
        stream.put(["c"])
        assert texts(consumer, 1) == ["c"]
        assert nothing_more(consumer)
    stream.close()


def test_throttled_reads_are_slowed_down_and_lose_nothing(ending_stream: Stream) -> None:
    """The consumer asks again later, ever more rarely."""
    calls: list[float] = []

    def throttle(true: Any, client: Any, name: str, given: Any) -> Any:
        calls.append(time.monotonic())
        if len(calls) <= 4:
            raise faults.answer("ProvisionedThroughputExceededException", 400, name)
        return true(client, name, given)

    ending_stream.put(["a", "b"])
    with opened(ending_stream) as consumer, faults.intercepted({"GetRecords": throttle}):
        assert texts(consumer, 2, failing=True) == ["a", "b"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(calls[:5])]
    # Jitter over the upper half of 0.2, 0.4, 0.8, 1.6 seconds.
    assert all(gap >= least for gap, least in zip(gaps, (0.1, 0.2, 0.4, 0.8), strict=True))


@pytest.mark.parametrize(
    ("code", "status"),
    [("ProvisionedThroughputExceededException", 400), ("InternalFailure", 500)],
)
def test_that_nothing_came_is_said_by_the_service(stream: Stream, code: str, status: int) -> None:
    """While the service has not answered since it failed, consume fails rather than bring none."""
    down = threading.Event()

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        if down.is_set():
            raise faults.answer(code, status, name)
        return true(client, name, given)

    with faults.intercepted({"GetRecords": act}), opened(stream) as consumer:
        stream.put(["before"])
        assert texts(consumer, 1) == ["before"]
        down.set()
        for timeout in (1, 0, 0.1, 0.1):
            with pytest.raises(RetryableError, match=code):
                consumer.consume(10, timeout)
        stream.put(["after"])
        down.clear()
        assert texts(consumer, 1, failing=True) == ["after"]
        assert consumer.consume(10, 0.1) == []


def test_a_broker_gives_up_on_a_stream_that_stays_throttled(ending_stream: Stream) -> None:
    """The retry policy sees one outage, in cycles that are shorter than the pauses of a reader."""

    def throttle(_: Any, __: Any, name: str, ___: Any) -> Any:
        raise faults.answer("ProvisionedThroughputExceededException", 400, name)

    consumer = provision_consumer("kinesis", **ending_stream.reading, max_tries=1)
    broker = Broker(consumers=[consumer], timeout=0.1, retry=Retry(attempts=4, base=0))
    with (
        faults.intercepted({"GetRecords": throttle}),
        pytest.raises(RetryableError, match="ProvisionedThroughputExceeded"),
    ):
        broker.run(max_cycle=50)


def leases_failing(down: threading.Event) -> AbstractContextManager[None]:
    """Have the store of leases fail as long as `down` is set."""

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        if down.is_set():
            raise faults.answer("InternalServerError", 500, name)
        return true(client, name, given)

    return faults.intercepted(dict.fromkeys(("UpdateItem", "Scan", "GetItem"), act))


def test_an_outage_of_the_lease_store_is_one_however_short_a_cycle(
    stream: Stream, moto_url: str
) -> None:
    """Between two looks at leases that fail, consume does not say that nothing came."""
    options = {"group": stream.name, "lease_endpoint_url": moto_url, "lease_duration": 0.4}
    down = threading.Event()
    with leases_failing(down), opened(stream, **options) as consumer:
        down.set()
        raises(consumer, RetryableError)
        for _ in range(5):
            with pytest.raises(RetryableError, match="InternalServerError"):
                consumer.consume(10, 0)
        down.clear()
        stream.put(["after"])
        assert texts(consumer, 1, failing=True) == ["after"]


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


def aggregate(pairs: list[tuple[str, bytes]]) -> bytes:
    """One record that the library puts several into."""
    made = aggregator.RecordAggregator()
    for key, data in pairs:
        assert made.add_user_record(key, data) is None
    contents: bytes = made.clear_and_get().get_contents()[2]
    return contents


def put_raw(stream: Stream, data: bytes) -> str:
    """Put one record."""
    answer = stream.client.put_record(StreamName=stream.name, Data=data, PartitionKey="agg")
    return str(answer["SequenceNumber"])


def test_aggregated_records_are_brought_one_by_one(stream: Stream) -> None:
    """Each with the partition key that it was put with."""
    stream.put(["before"])
    put_raw(stream, aggregate([("k1", b"one"), ("k2", b"two"), ("k1", b"three")]))
    stream.put(["behind"])
    with opened(stream) as consumer:
        messages = brought(consumer, 5)
    assert [m.data for m in messages] == [b"before", b"one", b"two", b"three", b"behind"]
    assert [m.key for m in messages[1:4]] == [b"k1", b"k2", b"k1"]


def test_a_position_within_an_aggregated_record_is_remembered(
    stream: Stream, tmp_path: Path
) -> None:
    """A restart goes on in the middle of it, and not at its beginning or behind it."""
    options = {"position": str(tmp_path / "leases.json")}
    put_raw(stream, aggregate([("k", b"one"), ("k", b"two"), ("k", b"three")]))
    stream.put(["behind"])
    for expected in ("one", "two", "three", "behind"):
        with opened(stream, **options) as consumer:
            message = brought(consumer, 1)[0]
            consumer.ack([message])
            assert message.data.decode() == expected
    with opened(stream, **options) as consumer:
        assert nothing_more(consumer)


@pytest.mark.parametrize("damage", ["digest", "body", "short"])
def test_what_only_looks_aggregated_is_brought_as_it_is(stream: Stream, damage: str) -> None:
    """Damaged, cut short or foreign: dropping it in silence would be a loss."""
    data = bytearray(aggregate([("k", b"one")]))
    if damage == "digest":
        data[-1] ^= 1
    elif damage == "body":
        data[6] ^= 1
    else:
        del data[4:]
    put_raw(stream, bytes(data))
    with opened(stream) as consumer:
        assert [message.data for message in brought(consumer, 1)] == [bytes(data)]


def test_an_empty_aggregate_does_not_hold_its_shard_up(stream: Stream) -> None:
    """It brings nothing, and what follows comes."""
    import hashlib

    put_raw(stream, b"\xf3\x89\x9a\xc2" + b"\x0a\x01k" + hashlib.md5(b"\x0a\x01k").digest())
    stream.put(["behind"])
    with opened(stream) as consumer:
        assert texts(consumer, 1) == ["behind"]


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


def test_a_failing_lease_store_is_said_and_survived(
    stream: Stream, moto_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The ack says that it did not work; when the store is back, it does."""
    options = {"group": stream.name, "lease_endpoint_url": moto_url, "lease_duration": 0.4}
    down = threading.Event()
    stream.put(["a", "b"])
    with (
        leases_failing(down),
        caplog.at_level(logging.ERROR),
        opened(stream, **options) as consumer,
    ):
        messages = brought(consumer, 2)
        down.set()
        with pytest.raises(RetryableError, match="InternalServerError"):
            consumer.ack(messages)
        raises(consumer, RetryableError)
        down.clear()
        until(lambda: acked(consumer, messages), "the ack works again")
    with opened(stream, **options) as consumer:
        assert nothing_more(consumer)


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


def test_leases_are_given_back_when_opening_fails_halfway(
    ending_stream: Stream, tmp_path: Path
) -> None:
    """The next try need not wait until those of the first have run out."""
    options = {"position": str(tmp_path / "leases.json"), "lease_duration": 3600.0}
    ending_stream.split()
    ending_stream.split()
    ending_stream.put(["a"])
    with opened(ending_stream, **options) as consumer:
        assert texts(consumer, 1) == ["a"]
    written = []

    def second_fails(*given: Any, **named: Any) -> Any:
        written.append(given)
        if len(written) == 2:
            raise OSError(errno.EIO, "as asked for")
        return true(*given, **named)

    true = tempfile.mkstemp
    with (
        mock.patch.object(tempfile, "mkstemp", second_fails),
        pytest.raises(RetryableError, match="as asked for"),
        opened(ending_stream, **options),
    ):
        pass
    ending_stream.put_all([(f"key {i}", "b") for i in range(10)])
    with opened(ending_stream, **options) as consumer:
        assert texts(consumer, 10) == ["b"] * 10


def raises(consumer: Consumer, kind: type[Exception]) -> None:
    """Wait until consume raises that."""

    def raised() -> bool:
        try:
            consumer.consume(1, 0.1)
        except kind:
            return True
        return False

    until(raised, f"{kind.__name__} is raised")


def acked(consumer: Consumer, messages: list[Message]) -> bool:
    """Whether they could be acked."""
    try:
        consumer.ack(messages)
    except RetryableError:
        return False
    return True


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
