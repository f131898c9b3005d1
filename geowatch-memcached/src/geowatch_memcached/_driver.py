"""The only file that imports pymemcache, and the one place that turns its exceptions into ours."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pymemcache.client.base import Client, PooledClient  # type: ignore[import-untyped]
from pymemcache.client.rendezvous import RendezvousHash  # type: ignore[import-untyped]
from pymemcache.exceptions import (  # type: ignore[import-untyped]
    MemcacheClientError,
    MemcacheError,
    MemcacheServerError,
    MemcacheUnexpectedCloseError,
    MemcacheUnknownError,
)

from geowatch_core.errors import GeoWatchError, PermanentError, RetryableError, TooLargeError
from geowatch_core.secret import Secret
from geowatch_memcached._address import Address
from geowatch_memcached.options import MemcachedStoreOptions

_MONTH = 30 * 24 * 3600
"""Seconds from which on memcached reads an expiration as Unix time (protocol.txt, "Expiration")."""
_LAST_SECOND = 2**31 - 1
_HEADER = 64
"""Bytes of an item beside its key and value: 59 of a 64-bit memcached 1.6, rounded up."""
_AT_ONCE = 500
"""Most commands sent before their replies are read: more could fill the buffers of both sides."""
_NO_TLS = {"HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "WRONG_VERSION_NUMBER"}


class _Connection(Client):  # type: ignore[misc]  # pymemcache has no types
    """A connection that tries every address of its host, and says who it is.

    pymemcache's own takes the first address only: "localhost" is ::1 to it, where most memcached
    do not listen.
    """

    login: tuple[str, Secret] | None = None

    def _connect(self) -> None:
        self.close()
        if isinstance(self.server, tuple):
            plain = socket.create_connection(self.server, self.connect_timeout)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if not isinstance(self.server, tuple):
                plain.settimeout(self.connect_timeout)
                plain.connect(self.server)
            self.sock = self._secured(plain)
        except BaseException:
            plain.close()
            raise
        self.sock.settimeout(self.timeout)
        if self.login is not None:
            name, password = self.login
            words = f"{name} {password.reveal()}".encode()
            # protocol.txt, "Authentication": the first set logs in, whatever its key.
            self.run([b"set login 0 0 %d\r\n%s\r\n" % (len(words), words)])

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self.tls_context is None:
            return plain
        context: ssl.SSLContext = self.tls_context
        return context.wrap_socket(plain, server_hostname=self.server[0])

    def run(self, commands: Sequence[bytes]) -> list[bytes]:
        """Send commands, and read one line of reply to each."""
        lines: list[bytes] = self._misc_cmd(commands, b"a command", False)
        return lines


class Node:
    """One memcached, asked by any number of threads at once.

    Every call raises `RetryableError` where memcached does not answer: whether it has acted is then
    not known. No write is without a reply, and what is not stored is never reported as stored.
    """

    def __init__(self, address: Address, options: MemcachedStoreOptions) -> None:
        self.name = str(address)
        login = _login(options)
        # A class for each node: the pool makes connections of a class, not of an instance.
        kind = type("_Login", (_Connection,), {"login": login})
        self._pool = PooledClient(
            address.spec,
            connect_timeout=options.timeout,
            timeout=options.timeout,
            default_noreply=False,
            tls_context=_tls(options),
        )
        self._pool.client_class = kind

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def settings(self) -> Mapping[bytes, Any]:
        """What it was started with; empty if it does not tell.

        Raises:
            PermanentError: it is no memcached, or lets nobody in.
        """
        with self._translated():
            self._pool.version()
        try:
            with self._translated():
                found: Mapping[bytes, Any] = self._pool.stats("settings")
                return found
        except (PermanentError, RetryableError):  # a proxy, or a service of the same protocol
            return {}

    def get(self, key: str) -> bytes | None:
        """The value of a key, or None."""
        with self._translated():
            found: bytes | None = self._pool.get(key)
            return found

    def gets(self, key: str) -> tuple[bytes, bytes] | None:
        """The value of a key and what `cas` takes to know it again, or None."""
        return self.gets_many([key]).get(key)

    def gets_many(self, keys: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
        """The values of those keys that have one, each with what `cas` takes."""
        found: dict[str, tuple[bytes, bytes]] = {}
        with self._translated():
            for start in range(0, len(keys), _AT_ONCE):
                found |= self._pool.gets_many(keys[start : start + _AT_ONCE])
        return found

    def set(self, key: str, value: bytes, expire: int | None) -> None:
        """Keep a value, whatever was there."""
        with self._translated():
            stored = self._pool.set(key, value, expiration(expire))
        if not stored:
            raise self._not_stored()

    def add(self, key: str, value: bytes, expire: int | None) -> bool:
        """Keep a value if there was none; whether it is kept."""
        with self._translated():
            return bool(self._pool.add(key, value, expiration(expire)))

    def cas(self, key: str, value: bytes, expire: int | None, known: bytes) -> bool:
        """Keep a value if nobody changed it since `known`; whether it is kept."""
        with self._translated():
            return bool(self._pool.cas(key, value, known, expiration(expire)))

    def set_all(self, keys: Sequence[str], value: bytes, expire: int | None) -> None:
        """Keep a value under each of these keys, whatever was there."""
        if not all(self._stored(b"set", dict.fromkeys(keys, b""), value, expire)):
            raise self._not_stored()

    def add_all(self, keys: Sequence[str], value: bytes, expire: int | None) -> list[bool]:
        """Keep a value under each key that has none, in order; of each whether it is kept."""
        return self._stored(b"add", dict.fromkeys(keys, b""), value, expire)

    def cas_all(self, known: Mapping[str, bytes], value: bytes, expire: int | None) -> list[bool]:
        """Keep a value under each key that nobody changed since; of each whether it is kept."""
        return self._stored(b"cas", known, value, expire)

    def delete(self, key: str) -> None:
        """Forget a key."""
        with self._translated():
            self._pool.delete(key)

    def _stored(
        self, verb: bytes, keys: Mapping[str, bytes], value: bytes, expire: int | None
    ) -> list[bool]:
        """Send a command for each key, all together: one way to memcached and back."""
        head = b"0 %d %d" % (expiration(expire), len(value))
        commands = [
            b"%s %s %s%s\r\n%s\r\n" % (verb, key.encode(), head, known and b" " + known, value)
            for key, known in keys.items()
        ]
        lines: list[bytes] = []
        with self._translated(), self._pool.client_pool.get_and_release(True) as connection:
            for start in range(0, len(commands), _AT_ONCE):
                lines += connection.run(commands[start : start + _AT_ONCE])
        return [line == b"STORED" for line in lines]

    def _not_stored(self) -> RetryableError:
        fix = "Try again; if that goes on, see what its log says."
        return RetryableError("memcached did not store it", got=self.name, fix=fix)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except GeoWatchError:
            raise
        except MemcacheError as error:
            raise self._said(error) from error
        except ssl.SSLError as error:
            raise self._not_secured(error) from error
        except (ConnectionResetError, BrokenPipeError) as error:
            raise self._closed() from error
        except OSError as error:
            what = f"memcached did not answer: {str(error) or type(error).__name__}"
            fix = "See that it runs and can be reached, or give a longer timeout."
            raise RetryableError(what, got=self.name, fix=fix) from error
        except (AssertionError, KeyError, ValueError) as error:  # how the client finds nonsense
            raise self._nonsense(error) from error

    def _said(self, error: MemcacheError) -> GeoWatchError:
        text = _text(error)
        if isinstance(error, MemcacheUnexpectedCloseError):
            return self._closed()
        if isinstance(error, MemcacheUnknownError):
            return self._nonsense(error)
        if isinstance(error, MemcacheServerError):
            if "too large" in text:
                fix = "Write less at once, or start memcached with larger items (-I)."
                return TooLargeError(f"memcached says: {text}", got=self.name, fix=fix)
            fix = "Give it more memory (-m), or let it evict (without -M)."
            return RetryableError(f"memcached says: {text}", got=self.name, fix=fix)
        if isinstance(error, MemcacheClientError) and "authenticat" in text:
            fix = "Set username and password to what its file of users has (-Y)."
            return PermanentError(f"memcached says: {text}", got=self.name, fix=fix)
        fix = "See that a memcached of version 1.4 or later listens there."
        return PermanentError(f"memcached refused a command: {text}", got=self.name, fix=fix)

    def _closed(self) -> RetryableError:
        fix = "See that it still runs, and whether it wants TLS (tls = true)."
        return RetryableError("memcached closed the connection", got=self.name, fix=fix)

    def _nonsense(self, error: Exception) -> RetryableError:
        fix = "See that what listens there is memcached."
        what = f"What answered does not speak as memcached does ({type(error).__name__})"
        return RetryableError(what, got=self.name, fix=fix)

    def _not_secured(self, error: ssl.SSLError) -> GeoWatchError:
        if isinstance(error, ssl.SSLCertVerificationError):
            fix = "Set tls_ca to the authority of its certificate, and host to a name in it."
            what = f"memcached could not prove who it is: {error.verify_message}"
            return PermanentError(what, got=self.name, fix=fix)
        if error.reason in _NO_TLS:
            fix = "Start it with TLS (-Z), or leave out tls."
            return PermanentError("memcached does not speak TLS there", got=self.name, fix=fix)
        what = f"The TLS connection to memcached broke: {error.reason or error}"
        return RetryableError(what, got=self.name, fix="See what its log says.")


class Cluster:
    """The servers of one configuration. A key belongs to one of them for good.

    Where that one is down, the key is out of reach: it never moves to another server, where it
    would not be found again later. (pymemcache's HashClient moves keys, and in between reports
    what a server that just failed holds as missing.) The choice is that of HashClient.
    """

    def __init__(self, options: MemcachedStoreOptions) -> None:
        self._nodes = {str(each): Node(each, options) for each in options.addresses}
        self._choice = RendezvousHash(list(self._nodes))

    @property
    def nodes(self) -> list[Node]:
        """All servers."""
        return list(self._nodes.values())

    def node(self, key: str) -> Node:
        """The server that a key belongs to."""
        if len(self._nodes) == 1:
            return next(iter(self._nodes.values()))
        return self._nodes[self._choice.get_node(key)]

    def close(self) -> None:
        """Close every connection."""
        for node in self._nodes.values():
            node.close()


def expiration(seconds: int | None) -> int:
    """As memcached takes it: what is longer than 30 days must be a point in time."""
    if seconds is None:
        return 0
    if seconds <= _MONTH:
        return seconds
    return min(int(time.time()) + seconds, _LAST_SECOND)


def largest_value(settings: Mapping[bytes, Any], key: str) -> int | None:
    """Bytes of the largest value that fits an item under this key; None if it is not known."""
    try:
        item = int(settings[b"item_size_max"])
    except (KeyError, ValueError):
        return None
    return item - _HEADER - len(key)


def can_compare(settings: Mapping[bytes, Any]) -> bool:
    """Whether it can compare and set, as far as it tells."""
    return settings.get(b"cas_enabled") not in (False, b"no")


def _login(options: MemcachedStoreOptions) -> tuple[str, Secret] | None:
    if options.username is None or options.password is None:
        return None
    return options.username, options.password


def _tls(options: MemcachedStoreOptions) -> ssl.SSLContext | None:
    if not options.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=options.tls_ca)
        if options.tls_cert is not None:
            context.load_cert_chain(options.tls_cert, options.tls_key)
    except OSError as error:
        raise PermanentError(
            f"The files for TLS cannot be used: {error}",
            got=[path for path in (options.tls_ca, options.tls_cert, options.tls_key) if path],
            fix="Check tls_ca, tls_cert and tls_key.",
        ) from error
    return context


def _text(error: MemcacheError) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
