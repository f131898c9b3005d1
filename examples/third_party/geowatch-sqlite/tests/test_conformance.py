"""The conformance kit of GeoWatch, applied to this backend."""

from geowatch_core.testing import BackendKit, ConsumerKit, ProducerKit, StoreKit
from harness import SqliteHarness


class TestSqlite(BackendKit):
    """Registration and options."""

    harness = SqliteHarness


class TestSqliteConsumer(ConsumerKit):
    """Leasing."""

    harness = SqliteHarness


class TestSqliteProducer(ProducerKit):
    """Appending."""

    harness = SqliteHarness


class TestSqliteStore(StoreKit):
    """Documents."""

    harness = SqliteHarness
