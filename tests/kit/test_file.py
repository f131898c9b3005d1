"""Core's file backend keeps what every backend promises."""

from geowatch_core.testing import BackendKit, ConsumerKit, ProducerKit, StoreKit
from tests.kit.harness import FileHarness


class TestFile(BackendKit):
    harness = FileHarness


class TestFileConsumer(ConsumerKit):
    harness = FileHarness


class TestFileProducer(ProducerKit):
    harness = FileHarness


class TestFileStore(StoreKit):
    harness = FileHarness
