"""A second Kinesis: one that ends closed shards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.aws.kinesis.stream import Stream
from tools.kinesalite import kinesalite
from tools.local import Server, Unavailable


@pytest.fixture(scope="session")
def kinesalite_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where kinesalite is."""
    with served(tmp_path_factory.mktemp("kinesalite")) as (_, url):
        yield url


@pytest.fixture
def own_kinesalite(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """A kinesalite of this test's own, whose clock it may put on."""
    with served(tmp_path) as running:
        yield running


@contextmanager
def served(folder: Path) -> Iterator[tuple[Server, str]]:
    """A running kinesalite and its URL."""
    try:
        server, url = kinesalite(folder)
    except Unavailable as error:
        pytest.skip(str(error))
    with server:
        yield server, url


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
