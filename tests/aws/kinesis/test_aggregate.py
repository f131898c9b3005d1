"""Records that hold several messages, as the Kinesis Producer Library puts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from aws_kinesis_agg import aggregator

from tests.aws.kinesis.reading import brought, nothing_more, opened, texts
from tests.aws.kinesis.stream import Stream


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
