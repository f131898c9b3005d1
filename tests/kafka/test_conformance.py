"""Kafka keeps what every backend promises."""

from geowatch_core.testing import BackendKit, ConsumerKit, ProducerKit
from tests.kafka.harness import KafkaHarness


class TestKafka(BackendKit):
    harness = KafkaHarness


class TestKafkaConsumer(ConsumerKit):
    harness = KafkaHarness


class TestKafkaProducer(ProducerKit):
    harness = KafkaHarness
