"""The memcached backend keeps what every backend promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geowatch_core.testing import BackendKit, StoreKit
from tests.memcached.harness import PASSWORD, USER, MemcachedHarness
from tools.memcached_server import MemcachedServer


@pytest.fixture(scope="module")
def locked(logs: Path) -> Iterator[MemcachedServer]:
    """A memcached that lets in only whom its file of users names."""
    users = logs / "users"
    users.write_text(f"{USER}:{PASSWORD}\n")
    with MemcachedServer(logs, "-Y", str(users)) as server:
        yield server


class TestMemcached(BackendKit):
    harness = MemcachedHarness


class TestMemcachedStore(StoreKit):
    harness = MemcachedHarness
