"""What the conformance kit must know of Kafka."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from unittest import mock

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException

from geowatch_core import Message
from geowatch_core.backend import RoleName
from geowatch_core.testing import Fault, Harness
from geowatch_kafka import _driver
from tests.kafka.raw import Raw


class Broken:
    """How clients fail now; None if they do not."""

    fault: ClassVar[Fault | None] = None

    @classmethod
    def error(cls, at: str) -> KafkaError | None:
        """What fails here, by which code."""
        if cls.fault is None or cls.fault.at != at:
            return None
        codes = {
            ("open", "retryable"): KafkaError._TRANSPORT,
            ("open", "permanent"): KafkaError._AUTHENTICATION,
            ("consume", "retryable"): KafkaError._ALL_BROKERS_DOWN,
            ("consume", "permanent"): KafkaError.TOPIC_AUTHORIZATION_FAILED,
            ("ack", "retryable"): KafkaError.REQUEST_TIMED_OUT,
            ("ack", "permanent"): KafkaError.GROUP_AUTHORIZATION_FAILED,
            ("deliver", "retryable"): KafkaError._MSG_TIMED_OUT,
            ("deliver", "permanent"): KafkaError.TOPIC_AUTHORIZATION_FAILED,
        }
        return KafkaError(codes[at, cls.fault.kind])


class BreakableConsumer(confluent_kafka.Consumer):
    """The client's consumer, some calls of which can be made to fail."""

    def __init__(self, settings: dict[str, Any], **more: Any) -> None:
        super().__init__(settings, **more)
        self._report = settings["error_cb"]
        self._reported: Fault | None = None

    def list_topics(self, *given: Any, **more: Any) -> Any:
        """Fail to answer, or refuse."""
        error = Broken.error("open")
        if error is not None:
            raise KafkaException(error)
        return super().list_topics(*given, **more)

    def consume(self, *given: Any, **more: Any) -> Any:
        """Report that nothing can be fetched, as the client does: once, when it finds out."""
        error = Broken.error("consume")
        if error is not None:
            if self._reported is not Broken.fault:
                self._reported = Broken.fault
                self._report(error)
            time.sleep(0.01)
            return []
        return super().consume(*given, **more)

    def commit(self, *given: Any, **more: Any) -> Any:
        """Fail to commit."""
        error = Broken.error("ack")
        if error is not None:
            raise KafkaException(error)
        return super().commit(*given, **more)


class BreakableProducer(confluent_kafka.Producer):
    """The client's producer, which can be made not to deliver some messages."""

    def __init__(self, settings: dict[str, Any], **more: Any) -> None:
        super().__init__(settings, **more)
        self._report = settings["on_delivery"]
        self._seen = 0
        self._lost: list[tuple[Any, Any]] = []

    def list_topics(self, *given: Any, **more: Any) -> Any:
        """Fail to answer, or refuse."""
        error = Broken.error("open")
        if error is not None:
            raise KafkaException(error)
        return super().list_topics(*given, **more)

    def produce(self, *given: Any) -> None:
        """Lose it, to be reported when it is waited for."""
        fault = Broken.fault
        index, self._seen = self._seen, self._seen + 1
        error = Broken.error("deliver")
        if error is None or (fault and fault.indexes is not None and index not in fault.indexes):
            super().produce(*given)
        else:
            message = mock.Mock()
            message.value.return_value, message.key.return_value = given[1], given[2]
            self._lost.append((error, message))

    def flush(self, *given: Any) -> int:
        """Report what was lost."""
        self._seen = 0
        for error, message in self._lost:
            self._report(error, message)
        self._lost.clear()
        return super().flush(*given)


class KafkaHarness(Harness):
    """A fresh topic of three partitions for every check."""

    backend: ClassVar[str] = "kafka"
    driver_modules: ClassVar[Sequence[str]] = ("confluent_kafka", "geowatch_kafka._driver")
    patience = 15.0
    silence = 0.5
    largest = 900_000

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.raw: Raw = request.getfixturevalue("raw")
        self._taken: dict[int, int] = {}
        self._patches = contextlib.ExitStack()

    def start(self) -> None:
        """Make the topic, and clients that can be broken."""
        self.raw.create(self.unique, 3)
        for name, kind in (("Consumer", BreakableConsumer), ("Producer", BreakableProducer)):
            self._patches.enter_context(mock.patch.object(_driver, name, kind))

    def stop(self) -> None:
        """Clients as they are."""
        self._patches.close()

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """A topic and a group of this check alone; a dead process is soon known to be dead."""
        both = {"host": self.raw.host, "topic": self.unique}
        if role == "producer":
            return both
        config = {"session.timeout.ms": 1500, "heartbeat.interval.ms": 300}
        return {**both, "group": self.unique, "config": config}

    def raw_put(self, messages: Sequence[Message]) -> None:
        """By the client's own producer."""
        self.raw.put(self.unique, messages)

    def raw_take(self) -> list[Message]:
        """By the client's own consumer, up to where each partition ends now."""
        return self.raw.take(self.unique, self._taken)

    def break_with(self, fault: Fault) -> contextlib.AbstractContextManager[object] | None:
        """Break the client: as it fails when its servers do not answer, or refuse."""
        if fault.retry_after is not None or fault.at not in ("open", "consume", "ack", "deliver"):
            return None
        return self._broken(fault)

    @contextlib.contextmanager
    def _broken(self, fault: Fault) -> Iterator[None]:
        with mock.patch.object(Broken, "fault", fault):
            yield

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """A handful."""
        return {"max_unsettled": 5}, 5
