"""A second Kinesis: one that ends closed shards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
