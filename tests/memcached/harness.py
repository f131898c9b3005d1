"""What the conformance kit must know of memcached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from geowatch_core.backend import RoleName
from geowatch_core.testing import Fault, Harness
from tests.memcached.proxy import Proxy, answering, refusing
from tests.memcached.raw import Raw
from tools.local import HOST

USER, PASSWORD = "geowatch", "canary-7d1f0c93b6"


class MemcachedHarness(Harness):
    """A fresh key of a memcached that asks for a password, behind a proxy that can be broken."""

    backend: ClassVar[str] = "memcached"
    driver_modules: ClassVar[Sequence[str]] = ("pymemcache", "geowatch_memcached._driver")

    def start(self) -> None:
        """A proxy of this check's own."""
        port = self.request.getfixturevalue("locked").port
        self._raw = Raw(port, f"{USER} {PASSWORD}")
        self._proxy = Proxy(port)

    def stop(self) -> None:
        """Take the proxy away."""
        self._proxy.close()

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """A key of this check's own."""
        return {
            "key": self.unique,
            "host": HOST,
            "port": self._proxy.port,
            "username": USER,
            "password": PASSWORD,
        }

    def secrets(self) -> Mapping[str, str]:
        """The password that the server has in its file."""
        return {"password": PASSWORD}

    def raw_write(self, document: bytes) -> None:
        """By the protocol, past the proxy."""
        self._raw.set(self.unique, document)

    def raw_read(self) -> list[bytes]:
        """By the protocol, past the proxy."""
        document = self._raw.get(self.unique)
        return [] if document is None else [document]

    def break_with(self, fault: Fault) -> AbstractContextManager[object] | None:
        """Hang up on everybody, or refuse every command."""
        if fault.retry_after is not None or fault.indexes is not None:
            return None
        manner = refusing if fault.kind == "retryable" else answering(b"ERROR\r\n")
        return self._proxy.behaving(manner)
