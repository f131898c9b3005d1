"""The conformance kit once more, on librdkafka's imitation of a cluster."""

from __future__ import annotations

import pytest

from geowatch_core.testing import ConsumerKit, ProducerKit
from tests.kafka.harness import KafkaHarness
from tests.kafka.mock import MockKafka
from tests.kafka.raw import Raw

pytestmark = pytest.mark.long  # on every machine that has Java, the real one proves more


class MockHarness(KafkaHarness):
    """The same, elsewhere; its imitation keeps no times, and no more than a part of a large one."""

    largest = 100_000

    def __init__(self, request: pytest.FixtureRequest) -> None:
        server: MockKafka = request.getfixturevalue("mock_kafka")
        super().__init__(request)
        self.raw = Raw(server.host, server)

    def stop(self) -> None:
        """Its clients, too."""
        super().stop()
        self.raw.close()


class TestKafkaConsumerOnMock(ConsumerKit):
    harness = MockHarness


class TestKafkaProducerOnMock(ProducerKit):
    harness = MockHarness
