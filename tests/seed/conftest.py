"""Names of 2015 warn once in a process, here once in each test; and the services of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geowatch_core.memory import _driver as memory
from geowatchutil import _deprecated
from tests.seed.services import Aws, KafkaService
from tools.aws_server import moto
from tools.kafka import Kafka
from tools.local import Unavailable, listening
from tools.memcached_server import MemcachedServer, program
from tools.slack import SlackServer


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing has been warned of, and memory is empty."""
    _deprecated.forget()
    yield
    memory.clear()


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Kinesis, SQS, SNS and S3."""
    server, url = moto(tmp_path_factory.mktemp("moto"))
    with server:
        yield Aws(url)


@pytest.fixture
def at_aws(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """AWS, found by boto3's own means: the page says nothing of where it is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    return aws


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaService]:
    """Apache Kafka; skips where it cannot be had."""
    try:
        server = Kafka(tmp_path_factory.mktemp("kafka"))
    except Unavailable as error:
        pytest.skip(f"no Apache Kafka for the blocks that need it: {error}")
    with server:
        yield KafkaService(server.host)


@pytest.fixture(scope="session")
def slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackServer]:
    """What stands in for Slack."""
    with SlackServer(tmp_path_factory.mktemp("slack")) as server:
        yield server


@pytest.fixture
def memcached(tmp_path: Path) -> Iterator[int]:
    """The port of a memcached: that of the page, unless somebody else listens there."""
    try:
        program()
    except Unavailable as error:
        pytest.skip(f"no memcached for the block that needs it: {error}")
    with MemcachedServer(tmp_path, port=None if listening(11211) else 11211) as server:
        yield server.port
