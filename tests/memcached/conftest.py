"""One memcached for all of these tests; each takes keys of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.memcached.proxy import Proxy
from tests.memcached.raw import Raw
from tools.local import Unavailable
from tools.memcached_server import MemcachedServer, program


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what servers say; skips where there is no memcached."""
    try:
        program()
    except Unavailable as error:
        pytest.skip(f"no memcached: {error}")
    return tmp_path_factory.mktemp("memcached")


@pytest.fixture(scope="session")
def memcached(logs: Path) -> Iterator[MemcachedServer]:
    """A memcached that lives as long as the tests; never to be stopped or flushed by one."""
    with MemcachedServer(logs) as server:
        yield server


@pytest.fixture
def own(logs: Path) -> Iterator[MemcachedServer]:
    """A memcached of this test's own, to be frozen and killed."""
    server = MemcachedServer(logs).start()
    yield server
    server.kill()


@pytest.fixture
def raw(memcached: MemcachedServer) -> Raw:
    """What the memcached of all tests holds."""
    return Raw(memcached.port)


@pytest.fixture
def proxy(memcached: MemcachedServer) -> Iterator[Proxy]:
    """A way to the memcached of all tests that can be broken."""
    before = Proxy(memcached.port)
    yield before
    before.close()


@pytest.fixture
def key() -> str:
    """A key that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"
