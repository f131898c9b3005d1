"""Flows through a storm of failures: nothing is lost, and nobody spins."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import pytest

from geowatch_core import Broker, Message, Retry, provision
from geowatch_core.errors import RetryableError
from tests.aws import queue
from tests.aws.proxy import PASS, THROTTLE, Proxy, storm
from tests.conftest import PROFILE
from tools.aws_server import KEYS
from tools.local import until

SECONDS = 60 if PROFILE == "long" else 3
SEED = 20151125
KINDS = ("ReceiveMessage", "SendMessageBatch", "DeleteMessageBatch")
AHEAD = 2_000
"""Messages that wait in the source while the storm lasts."""
FULL = 80
"""Messages of as many receives as a consumer makes at the same time."""
PATIENT = Retry(base=0.05, cap=0.2, attempts=1000)


class Relay:
    """A broker in a thread, from one queue to another, through a proxy."""

    def __init__(self, url: str, source: str, target: str, retry: Retry = PATIENT) -> None:
        given = {**KEYS, "endpoint_url": url, "timeout": 30, "codec": "plain", "max_tries": 100}
        given["sleep_period"] = 0.01
        self.consumer = provision("sqs", "consumer", topic=source, **given)
        producer = provision("sqs", "producer", topic=target, **given)
        self.broker = Broker(
            consumers=[self.consumer], producers=[producer], retry=retry, timeout=0.2
        )
        self._thread = threading.Thread(target=self.broker.run)

    def __enter__(self) -> Broker:
        self._thread.start()
        return self.broker

    def __exit__(self, *_: object) -> None:
        self.broker.stop()
        self._thread.join()


class Spring:
    """Keeps a queue from running dry, in a thread.

    Attributes:
        fed: how many messages it has sent, numbered from 0.
        least: how few have waited at any look.
    """

    def __init__(self, client: Any, url: str) -> None:
        self.fed, self.least = 0, AHEAD
        self._client, self._url = client, url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._feed(AHEAD)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Feed no more."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.05):
            waiting = queue.count(self._client, self._url)
            self.least = min(self.least, waiting)
            self._feed(AHEAD - waiting)

    def _feed(self, count: int) -> None:
        numbers = range(self.fed, self.fed + max(count, 0))
        queue.put(self._client, self._url, [Message(str(number).encode()) for number in numbers])
        self.fed = numbers.stop


@pytest.fixture
def queues(raw: Callable[..., Any]) -> tuple[Any, str, str, str]:
    """A client, the names of two queues, and the URL of the second."""
    client, name = raw("sqs"), uuid.uuid4().hex[:12]
    client.create_queue(QueueName=f"in-{name}")
    url = client.create_queue(QueueName=f"out-{name}")["QueueUrl"]
    return client, f"in-{name}", f"out-{name}", url


def test_a_storm_loses_nothing_and_costs_few_calls(
    moto_url: str, queues: tuple[Any, str, str, str]
) -> None:
    """With 30 % throttles and 5 % errors, all arrive, in at most thrice the calls there must be."""
    client, source, target, url = queues
    there = client.get_queue_url(QueueName=source)["QueueUrl"]
    taken, left = Counter[int](), set[int]()

    def look() -> None:
        # Of what is fed as fast as it is taken, there is no end.
        taken.update(int(message.data) for message in queue.take(client, url, AHEAD))

    def complete() -> bool:
        left.update(int(message.data) for message in queue.take(client, there))
        look()
        return len(taken.keys() | left) == spring.fed

    with Proxy(moto_url, storm(SEED, throttles=0.3, failures=0.05)) as proxy:
        relay = Relay(proxy.url, source, target)
        proxy.calls.clear()
        with Spring(client, there) as spring, relay:
            over = time.monotonic() + SECONDS
            while time.monotonic() < over:
                look()
                time.sleep(0.05)
            spring.stop()
            until(complete, "all have arrived, but for what is taken back", 100)
            calls = proxy.calls.copy()
    again = taken.total() - len(taken)
    print(f"seed {SEED}, {len(taken)} messages, {again} again, {calls}, {spring.least} waited")
    assert spring.least >= FULL  # so each receive could bring ten: too few, or too soon, shows
    ideal = math.ceil(len(taken) / 10)
    for kind in KINDS:
        assert calls[kind] <= 3 * ideal, kind
    assert calls.total() <= 3 * len(KINDS) * ideal


def test_an_outage_is_met_as_the_retry_policy_says(
    moto_url: str, queues: tuple[Any, str, str, str]
) -> None:
    """A source that is throttled for good is asked as often as allowed, however short a cycle."""
    with Proxy(moto_url, lambda _: PASS) as proxy:
        relay = Relay(proxy.url, *queues[1:3], retry=Retry(base=0.02, cap=0.1, attempts=9))
        with relay.broker as broker:
            proxy.decide = lambda _: THROTTLE
            proxy.calls.clear()
            with pytest.raises(RetryableError, match="ThrottlingException"):
                broker.run(max_cycle=100)
    # That no loop is busy is measured by the calls: here by their number, above by their share.
    assert 1 < proxy.calls.total() <= 9


def test_lost_answers_lose_nothing(moto_url: str, queues: tuple[Any, str, str, str]) -> None:
    """Where connections break when the service has acted, messages may double; none is lost."""
    client, source, target, url = queues
    there = client.get_queue_url(QueueName=source)["QueueUrl"]
    client.set_queue_attributes(QueueUrl=there, Attributes={"VisibilityTimeout": "2"})
    queue.put(client, there, [Message(str(i).encode()) for i in range(200)])
    taken = Counter[int]()

    def complete() -> bool:
        taken.update(int(message.data) for message in queue.take(client, url))
        return set(taken) == set(range(200))

    decide = storm(SEED, throttles=0.0, failures=0.0, lost=0.2)
    with Proxy(moto_url, decide) as proxy, Relay(proxy.url, source, target):
        until(complete, "all have arrived", 100)
    assert proxy.faults["lose"] > 0
