"""What the conformance kit must know of SNS."""

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


class SnsHarness(Harness):
    """A topic of moto's for every check, and a queue that gets what it delivers."""

    backend: ClassVar[str] = "sns"
    driver_modules: ClassVar[Sequence[str]] = ("boto3", "botocore", "geowatch_aws._session")
    many: ClassVar[int] = 300
    patience: ClassVar[float] = 10.0
    largest: ClassVar[int] = 256 << 10
    suffix: ClassVar[str] = ""
    attributes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self._url: str = request.getfixturevalue("moto_url")
        client = request.getfixturevalue("raw")
        self._sqs, self._sns = client("sqs"), client("sns")

    def start(self) -> None:
        """Make the topic, and a queue that is told everything raw."""
        name = self.unique + self.suffix
        of_queue = {"FifoQueue": "true"} if self.suffix else {}
        self.queue = self._sqs.create_queue(QueueName=name, Attributes=of_queue)["QueueUrl"]
        self.topic = self._sns.create_topic(Name=name, Attributes=dict(self.attributes))["TopicArn"]
        self._sns.subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=self.topic.replace(":sns:", ":sqs:"),
            Attributes={"RawMessageDelivery": "true"},
        )

    def stop(self) -> None:
        """Remove them."""
        self._sns.delete_topic(TopicArn=self.topic)
        self._sqs.delete_queue(QueueUrl=self.queue)

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """Those that lead to moto."""
        return {"topic": self.unique + self.suffix, **given_to(self._url)}

    def secrets(self) -> Mapping[str, str]:
        """Two of them."""
        return SECRETS

    def raw_take(self) -> list[Message]:
        """Receive and delete what the queue got."""
        return queue.take(self._sqs, self.queue)

    def break_with(self, fault: Fault) -> Any:
        """Have the client of boto3 fail."""
        operation = {"open": "ListTopics", "deliver": "PublishBatch"}[fault.at]
        return broken(fault, {operation: Entries("PublishBatchRequestEntries")})


class FifoHarness(SnsHarness):
    """A FIFO topic."""

    suffix: ClassVar[str] = ".fifo"
    attributes: ClassVar[Mapping[str, str]] = {"FifoTopic": "true"}

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """A batch in one call, so that faults befall its entries."""
        return {**super().options(role), "strict_order": False}
