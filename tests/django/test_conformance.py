"""The outbox keeps what every backend promises, in SQLite and in PostgreSQL."""

from geowatch_core.testing import BackendKit, ConsumerKit
from tests.django.harness import PostgresOutbox, SqliteOutbox


class TestOutbox(BackendKit):
    harness = SqliteOutbox


class TestSqliteOutboxConsumer(ConsumerKit):
    harness = SqliteOutbox


class TestPostgresOutboxConsumer(ConsumerKit):
    harness = PostgresOutbox
