"""What the documentation says of memcached is run as it stands, but for the port."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import Store
from tests.docs.test_pages import ROOT, blocks, run
from tests.memcached.raw import Raw
from tools.local import HOST
from tools.memcached_server import MemcachedServer

PAGES = [ROOT / "docs/backends/memcached.md", ROOT / "geowatch-memcached/README.md"]


@pytest.fixture
def at_its_own_port(own: MemcachedServer, monkeypatch: pytest.MonkeyPatch) -> Raw:
    """A memcached of this test's own, found where pages say that memcached is."""
    real = socket.create_connection

    def led(address: tuple[str, int], *given: Any, **named: Any) -> socket.socket:
        mine = (HOST, own.port) if address == ("localhost", 11211) else address
        return real(mine, *given, **named)

    monkeypatch.setattr(socket, "create_connection", led)
    return Raw(own.port)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_and_prints_what_the_page_says(
    page: Path, at_its_own_port: Raw
) -> None:
    """Each block runs after those above it, and a text block below is what it printed."""
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = None
    for language, source, line in blocks(page):
        if language == "python":
            printed = run(source, f"{page.name}:{line}", namespace)
        elif language == "text" and printed is not None:
            assert printed == source, f"{page.name}:{line}"
            printed = None
    assert at_its_own_port.say(b"stats items") != b"END\r\n"
    for store in (value for value in namespace.values() if isinstance(value, Store)):
        store.close()
