"""The consumer of a queue: time, order, and the end."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest

from geowatch_core import Message, provision
from geowatch_core.errors import RetryableError
from tests.aws import queue
from tests.aws.faults import answer, intercepted
from tools.local import until


@attrs.define
class Queue:
    """A queue, and consumers of it that are closed when the test ends."""

    client: Any
    aws: dict[str, Any]
    name: str
    url: str
    made: list[Any] = attrs.field(factory=list)

    def consumer(self, **more: Any) -> Any:
        """An open consumer."""
        given = {"topic": self.name, "wait": 0, **self.aws, "timeout": 30, **more}
        self.made.append(provision("sqs", "consumer", **given))
        return self.made[-1]

    def put(self, *texts: str, key: str | None = None) -> None:
        """Send messages."""
        of = None if key is None else key.encode()
        queue.put(self.client, self.url, [Message(text.encode(), of) for text in texts])

    def received(self) -> list[str]:
        """The bodies of what can be received now."""
        return [each["Body"] for each in queue.receive(self.client, self.url)]


@pytest.fixture
def make(raw: Callable[..., Any], aws: dict[str, Any]) -> Iterator[Callable[..., Queue]]:
    """Makes queues."""
    queues: list[Queue] = []

    def new(suffix: str = "", attributes: Mapping[str, str] = {}) -> Queue:
        name, client = f"q-{uuid.uuid4().hex[:12]}{suffix}", raw("sqs")
        more = {"FifoQueue": "true"} if suffix else {}
        url = client.create_queue(QueueName=name, Attributes={**more, **attributes})["QueueUrl"]
        queues.append(Queue(client, aws, name, url))
        return queues[-1]

    yield new
    for each in queues:
        for consumer in each.made:
            consumer.close()


def gather(consumer: Any, count: int, patience: float = 60.0) -> list[Message]:
    """So many messages."""
    messages: list[Message] = []

    def enough() -> bool:
        messages.extend(consumer.consume(count - len(messages), 0.2))
        return len(messages) == count

    until(enough, f"{count} messages came", patience)
    return messages


def test_a_slow_handler_keeps_its_messages(make: Callable[..., Queue]) -> None:
    """Held three times as long as the queue hides them, messages come to nobody else."""
    q = make(attributes={"VisibilityTimeout": "3"})
    q.put(*"abc")
    consumer = q.consumer()
    messages = gather(consumer, 3)
    deadline = time.monotonic() + 9
    while time.monotonic() < deadline:
        assert q.received() == []
        time.sleep(0.1)
    consumer.ack(messages)
    assert consumer.expired == 0
    assert queue.count(q.client, q.url) == queue.count(q.client, q.url, hidden=True) == 0


@pytest.mark.parametrize("settle", ["ack", "nack"])
def test_an_expired_handle_is_reported_and_not_fatal(
    make: Callable[..., Queue], caplog: pytest.LogCaptureFixture, settle: str
) -> None:
    """Settled after another got it and deleted it, a message is counted, and logged."""
    q = make()
    q.put("late")
    consumer = q.consumer(visibility=1, heartbeat=False)
    (message,) = gather(consumer, 1)
    until(lambda: queue.take(q.client, q.url) != [], "another got it")
    with caplog.at_level(logging.WARNING):
        getattr(consumer, settle)([message])
    assert message.settled == f"{settle}ed"
    assert consumer.expired == 1
    assert "Settle sooner, or give a longer visibility" in caplog.text
    q.put("next")
    assert [m.data for m in gather(consumer, 1)] == [b"next"]


def test_the_latest_handle_settles_an_earlier_delivery(make: Callable[..., Queue]) -> None:
    """A message that came twice to one consumer is gone when its first delivery is acked."""
    q = make()
    q.put("twice")
    consumer = q.consumer(visibility=1, heartbeat=False)
    (first,) = gather(consumer, 1)
    (second,) = gather(consumer, 1)
    assert first.data == second.data == b"twice"
    consumer.ack([first])
    assert queue.count(q.client, q.url) == queue.count(q.client, q.url, hidden=True) == 0


def test_close_gives_everything_back_at_once(make: Callable[..., Queue]) -> None:
    """What was consumed and not settled can be received as soon as close has returned."""
    q = make(attributes={"VisibilityTimeout": "600"})
    q.put(*map(str, range(40)))
    consumer = q.consumer()
    gather(consumer, 30)
    began = time.monotonic()
    consumer.close()
    assert time.monotonic() - began < 3
    until(lambda: queue.count(q.client, q.url) == 40, "all are visible", 3)


def test_what_a_poll_brings_after_close_is_given_back(make: Callable[..., Queue]) -> None:
    """A message that comes to a long poll of a closed consumer is not hidden from others."""
    q = make(attributes={"VisibilityTimeout": "600"})
    consumer = q.consumer(wait=2)
    assert consumer.consume(10, 0.2) == []
    consumer.close()
    q.put("after the end")
    until(lambda: q.received() == ["after the end"], "another can have it", 30)


def test_it_holds_no_more_than_it_was_asked_for(make: Callable[..., Queue]) -> None:
    """However much waits, as many are hidden as were asked for."""
    q = make()
    q.put(*map(str, range(100)))
    consumer = q.consumer()
    assert len(gather(consumer, 3)) == 3
    assert queue.count(q.client, q.url, hidden=True) == 3
    assert len(gather(consumer, 40)) == 40
    assert queue.count(q.client, q.url, hidden=True) == 43


def test_that_nothing_came_is_said_by_the_service(make: Callable[..., Queue]) -> None:
    """While the service has not answered since it failed, consume fails rather than bring none."""
    q, came, calls = make(), threading.Event(), iter(range(9))
    q.put("late")

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        if next(calls) == 0:
            raise answer("ThrottlingException", 400, name)
        assert came.wait(60)
        return true(client, name, given)

    consumer = q.consumer(wait=1)
    with intercepted({"ReceiveMessage": act}):
        for timeout in (30, 0, 0.1):
            with pytest.raises(RetryableError, match="ThrottlingException"):
                consumer.consume(10, timeout)
        came.set()
        assert [message.data for message in consumer.consume(10, 30)] == [b"late"]
    assert next(calls) == 2


def test_what_fails_too_often_goes_to_the_dead_letters(make: Callable[..., Queue]) -> None:
    """A message that was nacked as often as the queue allows goes where its redrive policy says."""
    dead = make()
    arn = dead.client.get_queue_attributes(QueueUrl=dead.url, AttributeNames=["QueueArn"])
    target = arn["Attributes"]["QueueArn"]
    policy = {"deadLetterTargetArn": target, "maxReceiveCount": "2"}
    q = make(attributes={"RedrivePolicy": json.dumps(policy)})
    q.put("poison")
    consumer = q.consumer()
    for _ in range(2):
        consumer.nack(gather(consumer, 1))
    until(lambda: consumer.consume(1, 0.1) == [] and dead.received() == ["poison"], "it is there")


def test_groups_come_in_order(make: Callable[..., Queue]) -> None:
    """Of a FIFO queue each group comes in order, also where one message comes at a time."""
    q = make(".fifo")
    for number in range(12):
        q.put(f"{number:02}", key="ab"[number % 2])
    consumer = q.consumer()
    came = []
    for count in (1, 1, 2, 3, 5):
        messages = gather(consumer, count)
        came += [message.data.decode() for message in messages]
        assert {message.key for message in messages} <= {b"a", b"b"}
        consumer.ack(messages)
    assert sorted(came) == [f"{number:02}" for number in range(12)]
    assert [n for n in came if int(n) % 2] == [f"{number:02}" for number in range(1, 12, 2)]
    assert [n for n in came if not int(n) % 2] == [f"{number:02}" for number in range(0, 12, 2)]


def test_a_nack_gives_back_what_follows_in_its_group(make: Callable[..., Queue]) -> None:
    """A given-back message of a FIFO queue is not overtaken by what its consumer still held."""
    q = make(".fifo", {"VisibilityTimeout": "600"})
    q.put(*"abcd", key="one")
    consumer = q.consumer()
    a, b, c, d = gather(consumer, 4)
    consumer.ack([a])
    consumer.nack([b])
    again = gather(consumer, 3)
    assert [message.data for message in again] == [b"b", b"c", b"d"]
    consumer.ack([c, d])  # of those deliveries nothing is left to settle, and that is no error
    consumer.ack(again)
    assert consumer.consume(10, 0.3) == []
    assert queue.count(q.client, q.url, hidden=True) == 0


def test_the_group_is_the_key_of_what_others_sent(make: Callable[..., Queue]) -> None:
    """A message without our attribute has its group as its key, and its attributes as headers."""
    q = make(".fifo")
    attributes = {"unit": {"DataType": "String", "StringValue": "km"}}
    q.client.send_message(
        QueueUrl=q.url,
        MessageBody="{}",
        MessageGroupId="vehicle-7",
        MessageDeduplicationId="1",
        MessageAttributes=attributes,
    )
    (message,) = gather(q.consumer(), 1)
    assert (message.data, message.key, message.headers) == (b"{}", b"vehicle-7", (("unit", b"km"),))


def test_a_damaged_attribute_is_a_header(make: Callable[..., Queue]) -> None:
    """An attribute that others gave our name is handed on, and the body as it is."""
    q = make()
    attributes = {"geowatch": {"DataType": "String", "StringValue": "theirs"}}
    q.client.send_message(QueueUrl=q.url, MessageBody="body", MessageAttributes=attributes)
    (message,) = gather(q.consumer(), 1)
    assert (message.data, message.headers) == (b"body", (("geowatch", b"theirs"),))


def test_envelopes_of_sns_are_unwrapped_on_request(
    make: Callable[..., Queue], raw: Callable[..., Any]
) -> None:
    """What SNS wrapped comes as it was published, with its attributes; anything else as it is."""
    q = make()
    sns = raw("sns")
    topic = sns.create_topic(Name=q.name)["TopicArn"]
    endpoint = topic.replace(":sns:", ":sqs:")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
    producer = provision("sns", "producer", topic=q.name, **q.aws)
    with producer:
        producer.deliver([Message(b"\x00\xff", b"key", (("unit", b"km"),), 1.5)])
    consumer = q.consumer(unwrap_sns=True)
    (message,) = gather(consumer, 1)
    assert message.data == b"\x00\xff"
    assert (message.key, message.headers, message.time) == (b"key", (("unit", b"km"),), 1.5)
    q.put("no envelope", '{"Type": "Notification"}')
    assert {m.data for m in gather(consumer, 2)} == {b"no envelope", b'{"Type": "Notification"}'}


def test_a_queue_by_its_url(make: Callable[..., Queue]) -> None:
    """The topic may be the URL of a queue, and then no call is made to find it."""
    q = make()
    q.put("found")
    assert [m.data for m in gather(q.consumer(topic=q.url), 1)] == [b"found"]
