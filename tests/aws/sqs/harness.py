"""What the conformance kit must know of SQS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from geowatch_core.backend import RoleName
from geowatch_core.message import Message
from geowatch_core.testing import Fault, Harness
from tests.aws import queue
from tests.aws.canary import SECRETS, given_to
from tests.aws.faults import Entries, broken


class SqsHarness(Harness):
    """A standard queue of moto's for every check."""

    backend: ClassVar[str] = "sqs"
    driver_modules: ClassVar[Sequence[str]] = ("boto3", "botocore", "geowatch_aws._session")
    many: ClassVar[int] = 300
    patience: ClassVar[float] = 10.0
    suffix: ClassVar[str] = ""
    attributes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self._url: str = request.getfixturevalue("moto_url")
        self._raw = request.getfixturevalue("raw")("sqs")

    def start(self) -> None:
        """Make the queue."""
        answer = self._raw.create_queue(QueueName=self.topic, Attributes=dict(self.attributes))
        self.queue = answer["QueueUrl"]

    def stop(self) -> None:
        """Remove it."""
        self._raw.delete_queue(QueueUrl=self.queue)

    @property
    def topic(self) -> str:
        """The name of the queue."""
        return self.unique + self.suffix

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """Those that lead to moto."""
        given = {"topic": self.topic, **given_to(self._url)}
        if role == "consumer":
            given["wait"] = 0  # or else every check would wait for a poll to end
        return given

    def secrets(self) -> Mapping[str, str]:
        """Two of them."""
        return SECRETS

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Send them with boto3."""
        queue.put(self._raw, self.queue, messages)

    def raw_take(self) -> list[Message]:
        """Receive and delete them with boto3."""
        return queue.take(self._raw, self.queue)

    def raw_waiting(self) -> int:
        """Ask the queue."""
        return queue.count(self._raw, self.queue)

    def sized(self, size: int) -> Message:
        """A text of that many bytes; the kit gives it a key where order is by key."""
        return Message(b"x" * size)

    def break_with(self, fault: Fault) -> Any:
        """Have the client of boto3 fail."""
        operation = {
            "open": "GetQueueUrl",
            "consume": "ReceiveMessage",
            "ack": "DeleteMessageBatch",
            "nack": "ChangeMessageVisibilityBatch",
            "deliver": "SendMessageBatch",
        }[fault.at]
        return broken(fault, {operation: Entries("Entries")})

    def redelivering(self) -> tuple[Mapping[str, Any], float]:
        """A short time, and nobody who makes it longer."""
        return {"visibility": 2, "heartbeat": False}, 2.0

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """A handful."""
        return {"max_unsettled": 5}, 5


class FifoHarness(SqsHarness):
    """A FIFO queue of moto's for every check."""

    suffix: ClassVar[str] = ".fifo"
    attributes: ClassVar[Mapping[str, str]] = {"FifoQueue": "true"}

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """A batch in one call, so that faults befall its entries."""
        more = {"strict_order": False} if role == "producer" else {}
        return {**super().options(role), **more}
