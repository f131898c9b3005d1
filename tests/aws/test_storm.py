"""Flows through a storm of failures: nothing is lost, and nobody spins."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from geowatch_core import Broker, Message, Retry, provision
from tests.aws import queue
from tests.aws.proxy import Proxy, storm
from tests.conftest import PROFILE
from tools.aws_server import KEYS
from tools.local import until

SECONDS = 60 if PROFILE == "long" else 3
SEED = 20151125


class Relay:
    """A broker in a thread, from one queue to another, through a proxy."""

    def __init__(self, url: str, source: str, target: str) -> None:
        given = {**KEYS, "endpoint_url": url, "timeout": 30, "codec": "plain", "max_tries": 100}
        given["sleep_period"] = 0.01
        self.consumer = provision("sqs", "consumer", topic=source, **given)
        producer = provision("sqs", "producer", topic=target, **given)
        self.broker = Broker(
            consumers=[self.consumer],
            producers=[producer],
            retry=Retry(base=0.05, cap=0.2, attempts=1000),
            timeout=0.2,
        )
        self._thread = threading.Thread(target=self.broker.run)

    def __enter__(self) -> Broker:
        self._thread.start()
        return self.broker

    def __exit__(self, *_: object) -> None:
        self.broker.stop()
        self._thread.join()


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
    fed, taken = 0, Counter[int]()

    def arrived(count: int) -> Callable[[], bool]:
        def look() -> bool:
            taken.update(int(message.data) for message in queue.take(client, url))
            return len(taken) >= count

        return look

    with Proxy(moto_url, storm(SEED, throttles=0.3, failures=0.05)) as proxy:
        relay = Relay(proxy.url, source, target)
        proxy.calls.clear()
        began = time.monotonic()
        with relay:
            while fed == 0 or time.monotonic() < began + SECONDS:
                queue.put(client, there, [Message(str(fed + i).encode()) for i in range(100)])
                fed += 100
                until(arrived(fed - 50), "most have arrived", 100)  # so that it never starves
            until(arrived(fed), "all have arrived", 100)
            calls = proxy.calls.copy()
            took = time.monotonic() - began
    assert set(taken) == set(range(fed))
    again = taken.total() - fed
    print(f"seed {SEED}, {fed} messages, {again} again, {calls}")
    ideal = fed / 10
    polls = 20 * took  # of a queue that is empty now and then; a loop that spins makes hundreds
    assert calls["SendMessageBatch"] <= 3 * ideal
    assert calls["DeleteMessageBatch"] <= 3 * ideal
    assert calls["ReceiveMessage"] <= 3 * ideal + polls


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
