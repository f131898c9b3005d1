"""The store: keys, conditions, compression, parts, prefixes."""

from __future__ import annotations

import gzip
import hashlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from geowatch_core import (
    CONFIRMED,
    Broker,
    Message,
    OptionsError,
    PermanentError,
    RetryableError,
    TransformError,
    provision,
)
from tests.aws.faults import Call, answer, intercepted

PART = 5 << 20


@pytest.fixture
def bucket(raw: Callable[..., Any]) -> str:
    """A fresh bucket."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    raw("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def store(aws: dict[str, Any], bucket: str) -> Callable[..., Any]:
    """Makes stores in the bucket, not open yet."""

    def make(key: str, **more: Any) -> Any:
        given = {"key": key, "aws_bucket": bucket, "timeout": 30, **aws, **more}
        return provision("s3", "store", **given)

    return make


@pytest.fixture
def objects(raw: Callable[..., Any], bucket: str) -> Callable[[], dict[str, bytes]]:
    """What is in the bucket."""

    def look() -> dict[str, bytes]:
        client = raw("s3")
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", ())
        return {
            each["Key"]: client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            for each in listed
        }

    return look


def batch(*texts: str, time: float | None = None) -> list[Message]:
    """Messages with positions, as a source gives them."""
    return [Message(t.encode(), position=i, time=time) for i, t in enumerate(texts)]


def test_a_replay_overwrites(
    store: Callable[..., Any], objects: Callable[[], dict[str, bytes]]
) -> None:
    """The same batch is written to the same key, and another one, also a like one, to another."""
    with store("{uuid}.txt") as s3:
        for _ in range(2):
            assert s3.write(batch("a", "b")) == [CONFIRMED] * 2
        assert list(objects().values()) == [b"a\nb\n"]
        s3.write([Message(b"a", position=7), Message(b"b", position=8)])
        s3.write(batch("a"))
    assert sorted(objects().values()) == [b"a\n", b"a\nb\n", b"a\nb\n"]


def test_a_key_is_made_of_the_first_message(
    store: Callable[..., Any], objects: Callable[[], dict[str, bytes]]
) -> None:
    """Date and time are those of the first event, in UTC; values of paths are made safe."""
    value = {"id": "us/7000", "properties": {"net": "us", "mag": 4.6, "at": 1_763_928_123_456}}
    key = "q/{date}/{time}/{properties.net}-{properties.mag}/{id}.json"
    with store(key, codec="json") as s3:
        (outcome,) = s3.write([Message.of(value, time=1_763_928_123.456)])
        assert outcome is CONFIRMED
    with store(key, codec="json", time="properties.at") as s3:
        assert s3.write([Message.of(value)]) == [CONFIRMED]
    # By hand: date -u -d @1763928123; printf %s us/7000 | sha256sum
    digest = hashlib.sha256(b"us/7000").hexdigest()[:12]
    assert list(objects()) == [f"q/2025-11-23/200203/us-4.6/us-7000-{digest}.json"]


@pytest.mark.parametrize(
    ("evil", "harmless"), [("../../etc", "-..-etc"), ("..", ""), ("a\nb{uuid}", "a-b-uuid-")]
)
def test_data_leads_nowhere_else(
    store: Callable[..., Any],
    objects: Callable[[], dict[str, bytes]],
    evil: str,
    harmless: str,
) -> None:
    """What a message says is one part of a key and no more, and different values stay apart."""
    with store("in/{name}/x", codec="json") as s3:
        s3.write([Message.of({"name": evil})])
    (key,) = objects()
    start, name, end = key.split("/")
    assert (start, end) == ("in", "x")
    digest = hashlib.sha256(evil.encode()).hexdigest()[:12]
    assert name == f"{harmless}-{digest}"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("{date}.txt", "no event time.*option time, or use {uuid}"),
        ("{properties.net}.txt", "no such value"),
    ],
)
def test_a_batch_without_what_its_key_asks_for_is_refused(
    store: Callable[..., Any], key: str, said: str
) -> None:
    """No clock and no made-up name: a replay would not overwrite what it wrote."""
    with store(key, codec="json") as s3:
        (outcome,) = s3.write([Message.of({})])
    assert isinstance(outcome, PermanentError)
    with pytest.raises(PermanentError, match=said):
        raise outcome


@pytest.mark.parametrize("key", ["/a", "", "a/../b", "{", "{}", "a}b", "x" * 1025])
def test_a_key_that_cannot_be_is_refused(store: Callable[..., Any], key: str) -> None:
    """It is a mistake in the options."""
    with pytest.raises(OptionsError, match="key"):
        store(key)


@pytest.mark.parametrize(
    ("codec", "content_type"),
    [("geojson", "application/geo+json"), ("json", "application/json"), ("plain", "text/plain")],
)
def test_the_content_type_is_that_of_the_codec(
    store: Callable[..., Any], raw: Callable[..., Any], bucket: str, codec: str, content_type: str
) -> None:
    """Whoever downloads an object is told what it is."""
    feature = {"type": "Feature", "geometry": None, "properties": {}}
    with store("x", codec=codec) as s3:
        assert s3.write([Message.of("x" if codec == "plain" else feature)]) == [CONFIRMED]
    assert raw("s3").head_object(Bucket=bucket, Key="x")["ContentType"].startswith(content_type)


@pytest.mark.parametrize(("compression", "unpack"), [
    ("gzip", gzip.decompress),
    ("zstd", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
])  # fmt: skip
def test_documents_are_compressed(
    store: Callable[..., Any],
    raw: Callable[..., Any],
    objects: Callable[[], dict[str, bytes]],
    bucket: str,
    compression: str,
    unpack: Callable[[bytes], bytes],
) -> None:
    """The object is smaller, says how, is the same each time, and is read back."""
    with store("x", compression=compression) as s3:
        s3.write(batch("a" * 1000, "b"))
        first = objects()["x"]
        s3.write(batch("a" * 1000, "b"))
        assert objects()["x"] == first
        assert unpack(first) == b"a" * 1000 + b"\nb\n"
        assert len(first) < 100
        assert [m.data for m in s3.read()] == [b"a" * 1000, b"b"]
    assert raw("s3").head_object(Bucket=bucket, Key="x")["ContentEncoding"] == compression


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_and_a_damaged_object_are_refused(
    store: Callable[..., Any], raw: Callable[..., Any], bucket: str, compression: str
) -> None:
    """What unpacks to more than max_document, or does not unpack, is an error and no memory."""
    with store("x", compression=compression, max_document=10_000) as s3:
        s3.write(batch("a" * 100_000))
        with pytest.raises(PermanentError, match="larger than max_document = 10000 bytes"):
            s3.read()
        raw("s3").put_object(
            Bucket=bucket, Key="x", Body=b"\x1f\x8bnothing", ContentEncoding=compression
        )
        with pytest.raises(PermanentError, match=f"not what its Content-Encoding {compression}"):
            s3.read()


def test_create_only_keeps_what_is_there(
    store: Callable[..., Any], objects: Callable[[], dict[str, bytes]]
) -> None:
    """With overwrite = never, other content is refused, and the same content is a replay."""
    with store("x", overwrite="never") as s3:
        assert s3.write(batch("first")) == [CONFIRMED]
        assert s3.write(batch("first")) == [CONFIRMED]
        (outcome,) = s3.write(batch("second"))
    assert isinstance(outcome, PermanentError)
    assert "is there already" in str(outcome)
    assert objects() == {"x": b"first\n"}


def test_compare_and_set_replaces_only_what_it_knows(
    store: Callable[..., Any],
    raw: Callable[..., Any],
    objects: Callable[[], dict[str, bytes]],
    bucket: str,
) -> None:
    """With overwrite = unchanged, what somebody else wrote is refused until it was read."""
    with store("x", overwrite="unchanged") as s3:
        assert s3.write(batch("1")) == s3.write(batch("2")) == [CONFIRMED]
        raw("s3").put_object(Bucket=bucket, Key="x", Body=b"theirs\n")
        (outcome,) = s3.write(batch("3"))
        assert isinstance(outcome, PermanentError)
        assert objects() == {"x": b"theirs\n"}
        assert [m.data for m in s3.read()] == [b"theirs"]
        assert s3.write(batch("3")) == [CONFIRMED]
    assert objects() == {"x": b"3\n"}


@pytest.mark.parametrize("overwrite", ["never", "unchanged"])
def test_a_write_whose_answer_is_lost_is_known_again(
    store: Callable[..., Any], objects: Callable[[], dict[str, bytes]], overwrite: str
) -> None:
    """A conditional write that was done and not heard of is confirmed by the next try."""
    left = [True]

    def lost(true: Call, client: Any, operation: str, given: Any) -> Any:
        said = true(client, operation, given)
        if left:
            left.pop()
            raise answer("InternalError", 500, operation)
        return said

    with store("x", overwrite=overwrite) as s3, intercepted({"PutObject": lost}):
        (outcome,) = s3.write(batch("1"))
        assert isinstance(outcome, RetryableError)
        assert s3.write(batch("1")) == [CONFIRMED]
    assert objects() == {"x": b"1\n"}


@pytest.mark.parametrize(
    ("code", "status"),
    [("ConditionalRequestConflict", 409), ("SlowDown", 503), ("RequestTimeout", 400)],
)
def test_what_passes_is_tried_again(store: Callable[..., Any], code: str, status: int) -> None:
    """A conflict of two writers and a throttle are retryable."""

    def refuse(_: Call, __: Any, operation: str, ___: Any) -> Any:
        raise answer(code, status, operation)

    with store("x") as s3, intercepted({"PutObject": refuse}):
        (outcome,) = s3.write(batch("1"))
    assert isinstance(outcome, RetryableError)


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART + 1])
def test_a_large_document_goes_in_parts(
    store: Callable[..., Any], objects: Callable[[], dict[str, bytes]], size: int
) -> None:
    """Around the size of a part, and in three of them, a document arrives whole."""
    text = b"0123456789" * (size // 10 + 1)
    parts: list[int] = []

    def part(true: Call, client: Any, operation: str, given: Any) -> Any:
        parts.append(len(given["Body"]))
        return true(client, operation, given)

    with store("x", part_size=PART) as s3, intercepted({"UploadPart": part}):
        assert s3.write([Message(text[: size - 1])]) == [CONFIRMED]
    assert sum(parts) == (size if size > PART else 0)
    assert objects()["x"] == text[: size - 1] + b"\n"


def test_an_upload_that_fails_leaves_nothing(
    store: Callable[..., Any], raw: Callable[..., Any], bucket: str
) -> None:
    """When a part cannot be sent the upload is aborted: its parts would be paid for."""

    def refuse(_: Call, __: Any, operation: str, ___: Any) -> Any:
        raise answer("SlowDown", 503, operation)

    with store("x", part_size=PART) as s3, intercepted({"UploadPart": refuse}):
        (outcome,) = s3.write([Message(b"0" * (PART + 1))])
    assert isinstance(outcome, RetryableError)
    assert not raw("s3").list_multipart_uploads(Bucket=bucket).get("Uploads")


@pytest.mark.parametrize(
    ("which", "kept"),
    [
        ({}, b"a\nb\nc\n"),
        ({"which": "first"}, b"a"),
        ({"which": "last"}, b"c"),
        ({"which": "index", "which_index": 1}, b"b"),
    ],
    ids=str,
)
def test_which_messages_are_kept(
    store: Callable[..., Any],
    objects: Callable[[], dict[str, bytes]],
    which: dict[str, Any],
    kept: bytes,
) -> None:
    """All of a batch as a document, or one of it as it is."""
    with store("final_stats.json", **which) as s3:
        assert s3.write(batch(*"abc")) == [CONFIRMED] * 3
    assert objects() == {"final_stats.json": kept}


def test_a_prefix_is_read_in_order(store: Callable[..., Any], raw: Callable[..., Any]) -> None:
    """The objects below a prefix are a source, in the order of their keys."""
    with store("in/{time}.txt") as s3:
        for second in (3, 1, 2):
            s3.write(batch(f"{second}a", f"{second}b", time=second))
    broker = Look(store("in/"), count=4)
    broker.run()
    assert broker.seen == [b"1a", b"1b", b"2a", b"2b", b"3a", b"3b"]


class Look(Broker):
    """Notes what it gets."""

    def __init__(self, store: Any, **more: Any) -> None:
        super().__init__(stores_in=[store], best_effort=True, **more)
        self.seen: list[bytes] = []

    def process(self, messages: list[Message]) -> None:
        """Note it."""
        self.seen += [message.data for message in messages]


def test_a_prefix_is_remembered(
    store: Callable[..., Any], raw: Callable[..., Any], bucket: str
) -> None:
    """What was read and acked does not come again; what is new or was replaced does."""
    reading = {"remember": "in/read.json", "max_objects": 2}
    client = raw("s3")
    for name in "abc":
        client.put_object(Bucket=bucket, Key=f"in/{name}", Body=f"{name}\n".encode())
    seen = []
    for _ in range(3):
        broker = Look(store("in/", **reading))
        broker.run()
        seen.append(broker.seen)
    assert seen == [[b"a", b"b"], [b"c"], []]
    client.put_object(Bucket=bucket, Key="in/b", Body=b"B\n")
    client.put_object(Bucket=bucket, Key="in/0", Body=b"0\n")  # new, and before all others
    broker = Look(store("in/", **reading))
    broker.run()
    assert broker.seen == [b"0", b"B"]


def test_what_was_not_acked_is_not_remembered(store: Callable[..., Any]) -> None:
    """A run that fails halfway leaves all to be read again."""
    with store("in/{uuid}") as s3:
        s3.write(batch(*"abc"))

    class Fails(Look):
        def process(self, messages: list[Message]) -> None:
            super().process(messages)
            if len(self.seen) > 1:
                raise RuntimeError("as asked for")

    with pytest.raises(TransformError):
        Fails(store("in/", remember="read.json"), count=1).run()
    broker = Look(store("in/", remember="read.json"))
    broker.run()
    assert broker.seen == [b"a", b"b", b"c"]


def test_a_prefix_is_not_written_to(store: Callable[..., Any]) -> None:
    """A key that ends in a slash is no key to write to."""
    with store("in/") as s3:
        (outcome,) = s3.write(batch("a"))
    assert isinstance(outcome, PermanentError)


def test_a_missing_bucket_is_said(aws: dict[str, Any]) -> None:
    """Opening fails for good, and says what to correct."""
    with pytest.raises(PermanentError, match="Correct aws_bucket, or create the bucket"):
        provision("s3", "store", key="x", aws_bucket="no-such-bucket", **aws)
