"""Batches of which some entries fail, in every way: what failed is sent again, and nothing else."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from geowatch_core import CONFIRMED, Message, RetryableError, provision
from tests.aws.faults import intercepted

SUBSETS = [
    (count, frozenset(subset))
    for count in range(1, 7)
    for size in range(1, count + 1)
    for subset in itertools.combinations(range(count), size)
]
Fails = Callable[[Sequence[dict[str, Any]]], set[int]]


class Service:
    """Answers batches itself, and notes what it was asked for and what it took."""

    def __init__(self, entries: str, name: str) -> None:
        self._entries, self._name = entries, name
        self.asked: list[list[str]] = []
        self.taken: list[str] = []
        self.fails: Fails = lambda _: set()

    def __call__(self, _: Any, __: Any, ___: str, given: dict[str, Any]) -> dict[str, Any]:
        """Take some entries."""
        entries = given[self._entries]
        failing = self.fails(entries)
        names = [entry[self._name] for entry in entries]
        self.asked.append(names)
        self.taken += [name for i, name in enumerate(names) if i not in failing]
        said = {"Code": "InternalError", "Message": "as asked for", "SenderFault": False}
        return {
            "Successful": [{"Id": e["Id"]} for i, e in enumerate(entries) if i not in failing],
            "Failed": [{"Id": entries[i]["Id"], **said} for i in sorted(failing)],
        }

    def fail_once(self, indexes: frozenset[int]) -> None:
        """Have these entries of the next call fail, and no others."""
        waiting = [set(indexes)]
        self.fails = lambda _: waiting.pop() if waiting else set()

    def fail_some(self, rng: random.Random, share: float) -> None:
        """Have each entry of every call fail now and then."""
        self.fails = lambda entries: {i for i in range(len(entries)) if rng.random() < share}


@pytest.fixture
def queue_name(raw: Callable[..., Any], request: pytest.FixtureRequest) -> str:
    """A queue, made once for each test function."""
    name = request.function.__name__[:70]
    raw("sqs").create_queue(QueueName=name)
    raw("sns").create_topic(Name=name)
    return name


@pytest.fixture(params=["sqs", "sns"])
def sending(
    request: pytest.FixtureRequest, queue_name: str, aws: dict[str, Any]
) -> Iterator[tuple[Any, Service]]:
    """An open producer, and the service that answers it."""
    name = request.param
    service = (
        Service("Entries", "MessageBody")
        if name == "sqs"
        else Service("PublishBatchRequestEntries", "Message")
    )
    operation = {"sqs": "SendMessageBatch", "sns": "PublishBatch"}[name]
    with (
        provision(name, "producer", topic=queue_name, **aws) as producer,
        intercepted({operation: service}),
    ):
        yield producer, service


@pytest.fixture(params=["ack", "nack"])
def settling(
    request: pytest.FixtureRequest, queue_name: str, aws: dict[str, Any]
) -> Iterator[tuple[Any, Callable[..., None], Service, list[int]]]:
    """An open consumer, what settles, the service that answers, and how many messages it has."""
    service = Service("Entries", "ReceiptHandle")
    operation = {"ack": "DeleteMessageBatch", "nack": "ChangeMessageVisibilityBatch"}[request.param]
    waiting: list[int] = []

    def receive(_: Any, __: Any, ___: str, given: dict[str, Any]) -> dict[str, Any]:
        count = min(given["MaxNumberOfMessages"], len(waiting))
        numbers = [waiting.pop(0) for _ in range(count)]
        return {
            "Messages": [
                {"MessageId": f"m{n}", "ReceiptHandle": f"h{n}", "Body": str(n)} for n in numbers
            ]
        }

    operations = {operation: service, "ReceiveMessage": receive}
    consumer = provision("sqs", "consumer", topic=queue_name, wait=0, heartbeat=False, **aws)
    with intercepted(operations):
        try:
            yield consumer, getattr(consumer, request.param), service, waiting
        finally:
            consumer.close()


def deliver_all(producer: Any, messages: Sequence[Message]) -> list[list[bytes]]:
    """Deliver until everything is confirmed, as a broker does; what each further try was for."""
    tries = []
    waiting = list(messages)
    while waiting:
        outcomes = producer.deliver(waiting)
        pairs = list(zip(waiting, outcomes, strict=True))
        assert all(o is CONFIRMED or isinstance(o, RetryableError) for o in outcomes)
        waiting = [message for message, outcome in pairs if outcome is not CONFIRMED]
        tries.append([message.data for message in waiting])
    return tries


def texts(count: int) -> list[str]:
    """As many different bodies."""
    return [f"message {i:03}" for i in range(count)]


def test_of_every_subset_what_failed_is_sent_again(sending: tuple[Any, Service]) -> None:
    """Whichever entries of up to six fail, just those are sent again, and all are sent once."""
    producer, service = sending
    for count, failing in SUBSETS:
        service.asked.clear()
        service.taken.clear()
        service.fail_once(failing)
        bodies = texts(count)
        deliver_all(producer, [Message(body.encode()) for body in bodies])
        assert service.asked == [bodies, [bodies[i] for i in sorted(failing)]]
        assert sorted(service.taken) == bodies


@pytest.mark.parametrize("count", [10, 500])
def test_of_random_failures_nothing_is_lost_or_doubled(
    sending: tuple[Any, Service], count: int
) -> None:
    """With a third of all entries failing at random, every message is taken once."""
    producer, service = sending
    service.fail_some(random.Random(count), 1 / 3)
    bodies = texts(count)
    deliver_all(producer, [Message(body.encode()) for body in bodies])
    assert Counter(service.taken) == Counter(bodies)
    asked = Counter(itertools.chain.from_iterable(service.asked))
    assert sum(asked.values()) - count == sum(asked[body] - 1 for body in bodies)


def test_of_every_subset_what_failed_is_settled_again(
    settling: tuple[Any, Callable[..., None], Service, list[int]],
) -> None:
    """Whichever of up to six deletes or nacks fail, just those are asked for again."""
    consumer, settle, service, waiting = settling
    numbers = itertools.count()
    for count, failing in SUBSETS:
        waiting += itertools.islice(numbers, count)
        messages = received(consumer, count)
        handles = [f"h{message.data.decode()}" for message in messages]
        service.asked.clear()
        service.taken.clear()
        service.fail_once(failing)
        with pytest.raises(RetryableError):
            settle(messages)
        assert {message.settled for message in messages} == {None}
        settle(messages)
        assert service.asked == [handles, [handles[i] for i in sorted(failing)]]
        assert sorted(service.taken) == sorted(handles)


@pytest.mark.parametrize("count", [10, 500])
def test_random_failures_to_settle_are_made_good(
    settling: tuple[Any, Callable[..., None], Service, list[int]], count: int
) -> None:
    """With a third of all deletes or nacks failing at random, each is done once."""
    consumer, settle, service, waiting = settling
    waiting += range(count)
    messages = received(consumer, count)
    service.fail_some(random.Random(count), 1 / 3)
    while any(message.settled is None for message in messages):
        try:
            settle(messages)
        except RetryableError:
            continue
    assert Counter(service.taken) == Counter(f"h{n}" for n in range(count))


def received(consumer: Any, count: int) -> list[Message]:
    """So many messages."""
    messages: list[Message] = []
    while len(messages) < count:
        messages += consumer.consume(count - len(messages), 30)
    return messages


@pytest.mark.parametrize("backend", ["sqs", "sns"])
def test_in_a_group_no_message_overtakes_one_that_failed(
    raw: Callable[..., Any], aws: dict[str, Any], backend: str
) -> None:
    """With a third of all entries failing at random, each group is taken in order, once."""
    name = f"overtaking-{backend}.fifo"
    raw("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
    raw("sns").create_topic(Name=name, Attributes={"FifoTopic": "true"})
    service = (
        Service("Entries", "MessageBody")
        if backend == "sqs"
        else Service("PublishBatchRequestEntries", "Message")
    )
    service.fail_some(random.Random(7), 1 / 3)
    messages = [Message(f"{i:03}".encode(), b"abc"[i % 3 : i % 3 + 1]) for i in range(90)]
    operation = {"sqs": "SendMessageBatch", "sns": "PublishBatch"}[backend]
    with (
        provision(backend, "producer", topic=name, **aws) as producer,
        intercepted({operation: service}),
    ):
        deliver_all(producer, messages)
    for group in range(3):
        mine = [body for body in service.taken if int(body) % 3 == group]
        assert mine == [f"{i:03}" for i in range(group, 90, 3)]
