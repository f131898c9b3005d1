"""memcached's text protocol by hand, for looking past the code under test.

From protocol.txt of memcached 1.6.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from tools.local import HOST


class Raw:
    """What a memcached on loopback holds.

    Args:
        port: its port.
        login: name and password, separated by a blank, where it asks for them.
    """

    def __init__(self, port: int, login: str = "") -> None:
        self._port = port
        self._login = login.encode()

    def say(self, *commands: bytes) -> bytes:
        """What it replies to commands, each without its line end, until it has said all."""
        lines = [b"set login 0 0 %d" % len(self._login), self._login] if self._login else []
        lines += [*commands, b"quit"]
        with socket.create_connection((HOST, self._port), timeout=20) as connection:
            connection.sendall(b"".join(line + b"\r\n" for line in lines))
            reply = b""
            with suppress(ConnectionResetError):
                while part := connection.recv(1 << 16):
                    reply += part
        return reply.removeprefix(b"STORED\r\n") if self._login else reply

    def get(self, key: str) -> bytes | None:
        """The value of a key, or None."""
        reply = self.say(b"get " + key.encode())
        if reply == b"END\r\n":
            return None
        head, _, rest = reply.partition(b"\r\n")
        assert head.startswith(b"VALUE "), head
        return rest[: int(head.split()[3])]

    def set(self, key: str, value: bytes) -> None:
        """Keep a value."""
        reply = self.say(b"set %s 0 0 %d" % (key.encode(), len(value)), value)
        assert reply == b"STORED\r\n", reply

    def seconds_left(self, key: str) -> int | None:
        """Seconds until a key expires; -1 if it never does, None if it is not there."""
        reply = self.say(b"mg %s t" % key.encode())
        return int(reply.split()[1][1:]) if reply.startswith(b"HD ") else None
