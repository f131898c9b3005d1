"""A second Kinesis: one that ends closed shards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.aws.kinesis.stream import Stream
from tools.kinesalite import kinesalite
from tools.local import Server, Unavailable


@pytest.fixture(scope="session")
def kinesalite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """Kinesalite and its URL."""
    try:
        server, url = kinesalite(tmp_path_factory.mktemp("kinesalite"))
    except Unavailable as error:
        pytest.skip(str(error))
    with server:
        yield server, url


@pytest.fixture
def kinesalite_url(kinesalite_server: tuple[Server, str]) -> str:
    """Where kinesalite is."""
    return kinesalite_server[1]


@pytest.fixture(params=["moto", "kinesalite"])
def stream(request: pytest.FixtureRequest) -> Iterator[Stream]:
    """A fresh stream of one shard, on either server."""
    yield from _made(request.getfixturevalue(f"{request.param}_url"), 1)


@pytest.fixture
def ending_stream(kinesalite_url: str) -> Iterator[Stream]:
    """A fresh stream of one shard, on the server that ends closed shards."""
    yield from _made(kinesalite_url, 1)


def _made(url: str, shards: int) -> Iterator[Stream]:
    stream = Stream(url, f"s-{uuid.uuid4().hex[:12]}", shards)
    yield stream
    stream.close()
