"""One Kafka for all tests of this folder: the real one, or the client's own imitation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.kafka.mock import MockKafka
from tests.kafka.raw import Raw
from tools.kafka import Kafka, Unavailable

_UNPROVEN = (
    "what only Apache Kafka itself can show, as {why}: compaction and deleted offsets, limits of a "
    "topic, idempotence across a restart, rebalances as its coordinator makes them, kill -9 and "
    "SIGSTOP of the server"
)


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka on loopback; skips, by name, where it cannot be had."""
    try:
        server = Kafka(tmp_path_factory.mktemp("kafka"))
    except Unavailable as error:
        pytest.skip(_UNPROVEN.format(why=error))
    with server:
        yield server


@pytest.fixture(scope="session")
def mock_kafka() -> Iterator[MockKafka]:
    """Librdkafka's own imitation of a cluster, in this process."""
    with MockKafka() as server:
        yield server


@pytest.fixture(scope="session")
def any_kafka(request: pytest.FixtureRequest) -> Kafka | MockKafka:
    """The real one if it can be had, else the imitation."""
    try:
        server: Kafka | MockKafka = request.getfixturevalue("real_kafka")
    except pytest.skip.Exception:
        server = request.getfixturevalue("mock_kafka")
    return server


@pytest.fixture
def kafka_host(any_kafka: Kafka | MockKafka) -> str:
    """Where Kafka listens."""
    return any_kafka.host


@pytest.fixture
def topic() -> str:
    """A name that nobody else uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def raw(any_kafka: Kafka | MockKafka) -> Iterator[Raw]:
    """The service as its own client sees it, past the code under test."""
    with Raw(any_kafka.host, any_kafka if isinstance(any_kafka, MockKafka) else None) as client:
        yield client
