"""Core's memory backend keeps what every backend promises."""

from geowatch_core.testing import BackendKit, ConsumerKit, ProducerKit, StoreKit
from tests.kit.harness import MemoryHarness


class TestMemory(BackendKit):
    harness = MemoryHarness


class TestMemoryConsumer(ConsumerKit):
    harness = MemoryHarness


class TestMemoryProducer(ProducerKit):
    harness = MemoryHarness


class TestMemoryStore(StoreKit):
    harness = MemoryHarness
