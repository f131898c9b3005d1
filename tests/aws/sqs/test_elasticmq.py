"""A second, independent SQS: what was tested on moto's holds on ElasticMQ's, too."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import CONFIRMED, Message, provision
from tests.aws import queue
from tests.aws.conftest import raw_client
from tools.aws_server import KEYS, elasticmq
from tools.local import Unavailable, until


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where ElasticMQ is."""
    folder: Path = tmp_path_factory.mktemp("elasticmq")
    try:
        server, address = elasticmq(folder)
    except Unavailable as error:
        pytest.skip(str(error))
    with server:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Any:
    """A plain client of boto3."""
    return raw_client("sqs", url)


@pytest.fixture
def aws(url: str) -> dict[str, Any]:
    """The options that lead there."""
    return {**KEYS, "endpoint_url": url, "timeout": 30}


def made(client: Any, suffix: str = "", **attributes: str) -> tuple[str, str]:
    """A queue: its name and its URL."""
    name = f"q-{uuid.uuid4().hex[:12]}{suffix}"
    more = {"FifoQueue": "true"} if suffix else {}
    return name, client.create_queue(QueueName=name, Attributes={**more, **attributes})["QueueUrl"]


def gather(consumer: Any, count: int) -> list[Message]:
    """So many messages."""
    messages: list[Message] = []

    def enough() -> bool:
        messages.extend(consumer.consume(count - len(messages), 0.2))
        return len(messages) == count

    until(enough, f"{count} messages came")
    return messages


def test_every_byte_key_header_and_time_arrives(client: Any, aws: dict[str, Any]) -> None:
    """What was delivered comes as it was given, once."""
    name, url = made(client)
    sent = [Message(bytes([value])) for value in range(256)]
    sent += [Message(b""), Message("東京 🌍".encode())]
    sent += [Message(b"{}", b"k\x00", (("a", b"1"), ("a", b"\xff")), 1_763_928_123.456)]
    with (
        provision("sqs", "producer", topic=name, **aws) as producer,
        provision("sqs", "consumer", topic=name, **aws) as consumer,
    ):
        assert producer.deliver(sent) == [CONFIRMED] * len(sent)
        got = gather(consumer, len(sent))
        consumer.ack(got)
    assert sorted(m.data for m in got) == sorted(m.data for m in sent)
    (full,) = (m for m in got if m.data == b"{}")
    assert (full.key, full.headers, full.time) == (sent[-1].key, sent[-1].headers, sent[-1].time)
    assert queue.count(client, url) == queue.count(client, url, hidden=True) == 0


def test_groups_come_in_order(client: Any, aws: dict[str, Any]) -> None:
    """Of a FIFO queue each group comes in order, and a nack is not overtaken."""
    name, _ = made(client, ".fifo")
    sent = [Message(f"{n:02}".encode(), b"ab"[n % 2 : n % 2 + 1]) for n in range(20)]
    came: list[str] = []
    with (
        provision("sqs", "producer", topic=name, **aws) as producer,
        provision("sqs", "consumer", topic=name, **aws) as consumer,
    ):
        assert producer.deliver(sent) == [CONFIRMED] * 20
        first = gather(consumer, 4)
        consumer.nack(first[1:])
        consumer.ack(first[:1])
        came += [first[0].data.decode()]
        while len(came) < 20:
            messages = gather(consumer, 1)
            came += [message.data.decode() for message in messages]
            consumer.ack(messages)
    for group in (0, 1):
        mine = [n for n in came if int(n) % 2 == group]
        assert mine == [f"{n:02}" for n in range(group, 20, 2)]


def test_what_is_not_settled_comes_again(
    client: Any, aws: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Given back by close and by nack at once; after its time where nobody extended it."""
    name, url = made(client, VisibilityTimeout="600")
    queue.put(client, url, [Message(str(n).encode()) for n in range(20)])
    with provision("sqs", "consumer", topic=name, **aws) as consumer:
        gather(consumer, 20)
    with provision("sqs", "consumer", topic=name, **aws) as consumer:
        messages = gather(consumer, 20)
        consumer.nack(messages[:10])
        consumer.ack([*gather(consumer, 10), *messages[10:]])
        assert consumer.expired == 0
    queue.put(client, url, [Message(b"slow")])
    given = {"topic": name, "visibility": 1, "heartbeat": False, **aws}
    with provision("sqs", "consumer", **given) as consumer:
        (first,) = gather(consumer, 1)
        (second,) = gather(consumer, 1)
        consumer.ack([first, second])
        assert 1 <= consumer.expired <= 2  # the second, too, where this took another second
    assert "Settle sooner" in caplog.text
    assert queue.count(client, url) == queue.count(client, url, hidden=True) == 0


def test_heartbeats_keep_messages(client: Any, aws: dict[str, Any]) -> None:
    """Held three times as long as the queue hides it, a message comes to nobody else."""
    name, url = made(client, VisibilityTimeout="3")
    queue.put(client, url, [Message(b"slow")])
    with provision("sqs", "consumer", topic=name, **aws) as consumer:
        (message,) = gather(consumer, 1)
        for _ in range(9):
            assert queue.receive(client, url, wait=1) == []
        consumer.ack([message])
        assert consumer.expired == 0


def test_a_missing_queue_is_created_on_request(client: Any, aws: dict[str, Any]) -> None:
    """A name that is not there is a queue afterwards."""
    name = f"q-{uuid.uuid4().hex[:12]}.fifo"
    with provision("sqs", "producer", topic=name, topic_check=True, **aws) as producer:
        assert producer.deliver([Message(b"x")]) == [CONFIRMED]
    assert client.get_queue_url(QueueName=name)["QueueUrl"]
