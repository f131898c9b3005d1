"""The producer of a queue: sizes, groups, ids, and how a queue is found."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from geowatch_core import (
    CONFIRMED,
    Message,
    OptionsError,
    PermanentError,
    RetryableError,
    TooLargeError,
    provision,
)
from geowatch_core.codecs import JsonCodec
from tests.aws import queue
from tests.aws.faults import Call, answer, intercepted

LIMIT = 1024
"""Bytes: the smallest limit that a queue can have."""


@pytest.fixture
def name() -> str:
    """A name that no other queue has."""
    return f"q-{uuid.uuid4().hex[:12]}"


def made(client: Any, name: str, **attributes: str) -> str:
    """A queue; its URL."""
    return str(client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


@pytest.mark.parametrize(
    ("message", "counted"),
    [
        (lambda size: Message(b"x" * size), 0),
        (lambda size: Message(("é" * (size // 2) + "x" * (size % 2)).encode()), 0),
        (lambda size: Message("🌍".encode() * (size // 4) + b"x" * (size % 4)), 0),
        # The attribute: its name, its type, its value.
        (lambda size: Message(b"x" * size, b"k"), 8 + 6 + len('{"key":"aw=="}')),
        (lambda size: Message(b"x" * size, time=1.5), 8 + 6 + len('{"time":1.5}')),
    ],
    ids=["ascii", "two bytes", "four bytes", "key", "time"],
)
def test_what_a_queue_allows_is_sent_and_what_it_forbids_is_refused(
    raw: Callable[..., Any],
    aws: dict[str, Any],
    name: str,
    message: Callable[[int], Message],
    counted: int,
) -> None:
    """One byte below the limit of this queue and at it arrive whole; above it is refused by us."""
    client = raw("sqs")
    url = made(client, name, MaximumMessageSize=str(LIMIT))
    messages = [message(LIMIT - counted + change) for change in (-1, 0, 1)]
    with provision("sqs", "producer", topic=name, **aws) as producer:
        outcomes = producer.deliver(messages)
    assert outcomes[:2] == [CONFIRMED] * 2
    assert isinstance(outcomes[2], TooLargeError)
    assert "at most 1024 bytes (got 1025)" in str(outcomes[2])
    taken = {m.data for m in queue.take(client, url)}
    assert taken == {m.data for m in messages[:2]}


def test_a_binary_body_counts_as_base64(
    raw: Callable[..., Any], aws: dict[str, Any], name: str
) -> None:
    """The largest binary message fills the queue's limit as base64 beside its mark."""
    client = raw("sqs")
    url = made(client, name, MaximumMessageSize=str(LIMIT))
    room = LIMIT - (8 + 6 + len('{"base64":true}'))
    largest = room // 4 * 3
    messages = [Message(b"\x00" * largest), Message(b"\x00" * (largest + 1))]
    with provision("sqs", "producer", topic=name, **aws) as producer:
        outcomes = producer.deliver(messages)
    assert outcomes[0] is CONFIRMED
    assert isinstance(outcomes[1], TooLargeError)
    assert [m.data for m in queue.take(client, url)] == [b"\x00" * largest]


def test_an_empty_body_is_no_empty_body(
    raw: Callable[..., Any], aws: dict[str, Any], name: str
) -> None:
    """A message of no bytes has a body that SQS takes, and comes back as no bytes."""
    client = raw("sqs")
    url = made(client, name)
    with provision("sqs", "producer", topic=name, **aws) as producer:
        assert producer.deliver([Message(b"")]) == [CONFIRMED]
    (got,) = queue.receive(client, url)
    assert got["Body"] == " "
    client.change_message_visibility(
        QueueUrl=url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0
    )
    with provision("sqs", "consumer", topic=name, wait=0, **aws) as consumer:
        (message,) = consumer.consume(1, 30)
        consumer.ack([message])
    assert message.data == b""


def test_a_plain_text_has_no_attributes(
    raw: Callable[..., Any], aws: dict[str, Any], name: str
) -> None:
    """A text without key, headers and time lies in the queue as anybody would put it there."""
    client = raw("sqs")
    url = made(client, name)
    with provision("sqs", "producer", topic=name, codec="json", **aws) as producer:
        producer.deliver([Message.of({"mag": 4.6})])
    (got,) = queue.receive(client, url)
    assert got["Body"] == '{"mag":4.6}'
    assert "MessageAttributes" not in got


def fifo(client: Any, name: str) -> str:
    """A FIFO queue; its URL."""
    return made(client, f"{name}.fifo", FifoQueue="true")


def lost_answers(times: int) -> Callable[..., Any]:
    """Calls that are done, and whose answers do not come."""
    left = times

    def call(true: Call, client: Any, operation: str, given: Any) -> Any:
        nonlocal left
        said = true(client, operation, given)
        if left:
            left -= 1
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
        return said

    return call


@pytest.mark.parametrize("more", [{}, {"group_id": "vehicle", "codec": "json"}], ids=str)
def test_a_send_whose_answer_is_lost_is_not_doubled(
    raw: Callable[..., Any], aws: dict[str, Any], name: str, more: Mapping[str, Any]
) -> None:
    """Sent again with the same id, messages are in a FIFO queue once; equal ones, each."""
    client = raw("sqs")
    url = fifo(client, name)
    bodies = [{"vehicle": "a"}, {"vehicle": "a"}, {"vehicle": "b"}]
    messages = [Message(json.dumps(body, separators=(",", ":")).encode()) for body in bodies]
    with (
        provision("sqs", "producer", topic=f"{name}.fifo", **{**aws, **more}) as producer,
        intercepted({"SendMessageBatch": lost_answers(2)}),
    ):
        waiting = messages
        for _ in range(4):
            outcomes = producer.deliver(waiting)
            pairs = zip(waiting, outcomes, strict=True)
            waiting = [m for m, o in pairs if isinstance(o, RetryableError)]
    assert waiting == []
    assert sorted(m.data for m in queue.take(client, url)) == sorted(m.data for m in messages)


def test_groups_and_ids_come_from_paths(
    raw: Callable[..., Any], aws: dict[str, Any], name: str
) -> None:
    """The group and the deduplication id are what stands at their paths, made safe."""
    client = raw("sqs")
    url = fifo(client, name)
    values = [
        {"id": 1, "properties": {"vehicle": "bus-7"}},
        {"id": 1, "properties": {"vehicle": "bus-7"}},
        {"id": "two words", "properties": {"vehicle": "Zürich"}},
    ]
    paths = {"group_id": "properties.vehicle", "deduplication_id": "id"}
    given = {"topic": f"{name}.fifo", "codec": JsonCodec(), **paths, **aws}
    with provision("sqs", "producer", **given) as producer:
        assert producer.deliver(list(map(Message.of, values))) == [CONFIRMED] * 3
    got = queue.receive(client, url)
    groups = [each["Attributes"]["MessageGroupId"] for each in got]
    ids = [each["Attributes"]["MessageDeduplicationId"] for each in got]
    # The second has the id of the first. By hand: printf %s Zürich | sha256sum
    zurich = "4251685e06cab635578c72b1f5f221e9840a05ac4d8f2404be4177aa87f9907d"
    two_words = "a03f1d611645eb53ad16c1af546ca0792dc884505bab57ede80f4dad6b911d3a"
    assert sorted(zip(groups, ids, strict=True)) == sorted([("bus-7", "1"), (zurich, two_words)])


def test_a_missing_queue_is_said_and_made_on_request(
    raw: Callable[..., Any], aws: dict[str, Any], name: str
) -> None:
    """Without topic_check a missing queue is an error that says what to do; with it, it is made."""
    with pytest.raises(PermanentError, match=f"{name}.*topic_check"):
        provision("sqs", "producer", topic=name, **aws)
    prefixed = {"topic": f"{name}.fifo", "topic_prefix": "stage-", "topic_check": True}
    with provision("sqs", "producer", **prefixed, **aws) as producer:
        assert producer.deliver([Message(b"first")]) == [CONFIRMED]
    url = raw("sqs").get_queue_url(QueueName=f"stage-{name}.fifo")["QueueUrl"]
    assert [m.data for m in queue.take(raw("sqs"), url)] == [b"first"]


def test_who_may_only_send_can_send(
    raw: Callable[..., Any], aws: dict[str, Any], name: str
) -> None:
    """A producer needs no right but to send; a consumer that cannot ask says what it needs."""
    url = made(raw("sqs"), name)

    def denied(_: Call, __: Any, operation: str, ___: Any) -> Any:
        raise answer("AccessDenied", 403, operation)

    with intercepted({"GetQueueAttributes": denied, "GetQueueUrl": denied}):
        with provision("sqs", "producer", topic=url, **aws) as producer:
            assert producer.deliver([Message(b"sent")]) == [CONFIRMED]
        with pytest.raises(PermanentError, match="sqs:GetQueueAttributes, or give visibility"):
            provision("sqs", "consumer", topic=url, **aws)
        with provision("sqs", "consumer", topic=url, visibility=30, wait=0, **aws) as consumer:
            assert [m.data for m in consumer.consume(1, 30)] == [b"sent"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"topic": "https://sqs/1/q", "topic_prefix": "a-"}, "topic_prefix does not go together"),
        ({"topic": "q", "aws_access_key_id": "A"}, "are given together"),
        ({"topic": "q", "endpoint_url": "ftp://x"}, "must be a URL such as"),
        ({"topic": "q", "endpoint_url": "http://user:pass@x"}, "must not have a user in it"),
        ({"topic": "q", "client": "sqs"}, "Expected a client of boto3"),
        ({"topic": "q", "config": {"no_such": 1}}, "no_such"),
        ({"topic": "q", "group": "id"}, "Did you mean group_id"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_options_that_cannot_be_are_refused(given: Mapping[str, Any], said: str) -> None:
    """A mistake is found before anything is opened, and says what is wrong."""
    with pytest.raises(OptionsError, match=said) as caught:
        provision("sqs", "producer", **given)
    assert "user:pass" not in str(caught.value)
