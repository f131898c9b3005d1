"""Where a memcached listens."""

from __future__ import annotations

import attrs

PORT = 11211


@attrs.frozen
class Address:
    """A host and port, or the path of a Unix socket."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def spec(self) -> tuple[str, int] | str:
        """As the client takes it."""
        return self.host if self.port is None else (self.host, self.port)


def parse_server(text: str, port: int = PORT) -> Address:
    """An address from ``host``, ``host:port``, ``[IPv6]:port`` or ``unix:/path``.

    Raises:
        ValueError: it is none of these.
    """
    path = text.removeprefix("unix:")
    if path.startswith("/"):
        return Address(path)
    host, colon, digits = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.endswith("]")):
        host, digits = text, str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not digits.isascii() or not digits.isdecimal() or not 0 < int(digits) < 1 << 16:
        raise ValueError(f"must be host:port, [IPv6]:port or unix:/path, got {text!r}")
    return Address(host, int(digits))
