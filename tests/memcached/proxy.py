"""Stands before a memcached, and breaks what passes in the ways that networks do."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tools.local import HOST

__all__ = ["Proxy", "answering", "losing_replies", "passing", "refusing"]

Manner = Callable[[socket.socket, socket.socket, bool, bytes], bool]
"""Told client, server, whether the client said it, and what it said; whether to go on."""


def passing(client: socket.socket, server: socket.socket, asked: bool, said: bytes) -> bool:
    """Hand it on."""
    (server if asked else client).sendall(said)
    return True


def refusing(client: socket.socket, server: socket.socket, asked: bool, said: bytes) -> bool:
    """Hang up before memcached hears anything."""
    return not asked


def losing_replies(client: socket.socket, server: socket.socket, asked: bool, said: bytes) -> bool:
    """Hang up when memcached has acted, so that nobody learns of it."""
    if asked:
        server.sendall(said)
    return asked


def answering(reply: bytes) -> Manner:
    """Reply with this, and let memcached hear nothing."""

    def answer(client: socket.socket, server: socket.socket, asked: bool, said: bytes) -> bool:
        if asked:
            client.sendall(reply)
        return True

    return answer


class Proxy:
    """Listens on a port of its own, and connects to that of a memcached."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._manner: Manner = passing
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._listen)

    @contextmanager
    def behaving(self, manner: Manner) -> Iterator[None]:
        """For as long as the context lasts, treat what is said in this manner."""
        self._manner = manner
        try:
            yield
        finally:
            self._manner = passing

    def close(self) -> None:
        """Hang up on everybody."""
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, run: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=run, args=given, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._relay, client)

    def _relay(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection((HOST, self._target)) as server:
            while not self._closed:
                readable, _, _ = select.select([client, server], [], [], 0.05)
                for one in readable:
                    said = one.recv(1 << 16)
                    if not said or not self._manner(client, server, one is client, said):
                        # A reset rather than an end, as a machine that is gone would send.
                        client.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )
                        return
