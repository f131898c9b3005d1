"""The options of ``memcached``."""

from __future__ import annotations

from typing import Any

import attrs

from geowatch_core.options import Options, at_least, option
from geowatch_core.secret import Secret
from geowatch_core.store import Which
from geowatch_memcached._address import Address, parse_server

CLIENT = "pymemcache"
OLD_CLIENTS = ("pylibmc", "python-memcached", "umemcache")
"""What older configurations name; `CLIENT` serves in their place."""


def _known_client(_: Any, __: attrs.Attribute[Any], name: str) -> None:
    if name not in (CLIENT, *OLD_CLIENTS):
        raise ValueError(f"must be {CLIENT}, got {name!r}")


def _servers(_: Any, __: attrs.Attribute[Any], servers: list[str] | None) -> None:
    if servers is not None and not servers:
        raise ValueError("is empty")
    for server in servers or ():
        parse_server(server)


def _not_empty(_: Any, __: attrs.Attribute[Any], text: str) -> None:
    if not text:
        raise ValueError("is empty")


def _port(_: Any, __: attrs.Attribute[Any], port: int) -> None:
    if not 0 < port < 1 << 16:
        raise ValueError(f"must be from 1 to 65535, got {port}")


@attrs.frozen(kw_only=True)
class MemcachedStoreOptions(Options):
    """Options of a store."""

    key: str = option(doc="The document's key.", validator=_not_empty)
    key_prefix: str = option("", doc="Put before the key, to keep tenants or stages apart.")
    host: str = option("localhost", doc="Where memcached is.", validator=_not_empty)
    port: int = option(11211, doc="Its port.", validator=_port)
    servers: list[str] | None = option(
        None,
        doc='Several of them, such as ["a:11211", "b:11211"], in place of host and port; the key '
        "says which one holds it.",
        validator=_servers,
    )
    client_type: str = option(
        CLIENT,
        doc="The client; only pymemcache serves, and the names of older ones stand for it.",
        validator=_known_client,
    )
    expire: int | None = option(
        None,
        doc="Seconds after which memcached shall forget; when it wants, if not given.",
        validator=at_least(1),
    )
    which: Which = option(Which.ALL, doc="Which messages of a batch to keep.")
    which_index: int = option(0, doc="For which = index: which one, from 0.", validator=at_least(0))
    append: bool = option(
        False,
        doc="Add to the document, by compare-and-set, so that brokers which share it lose nothing.",
    )
    keep: int | None = option(
        None,
        doc="With append: most items in the document; the oldest make room. All, if not given.",
        validator=at_least(1),
    )
    cas: bool = option(
        False, doc="Never replace what somebody else wrote since it was last read or written here."
    )
    username: str | None = option(None, doc="For a memcached that asks for one (-Y).")
    password: Secret | None = option(
        None,
        doc="The password that goes with username.",
        converter=attrs.converters.optional(Secret),
    )
    tls: bool = option(False, doc="Speak TLS, and verify the server's certificate.")
    tls_ca: str | None = option(
        None, doc="File of the authorities that are trusted; the system's, if not given."
    )
    tls_cert: str | None = option(None, doc="File of the certificate to show to the server.")
    tls_key: str | None = option(None, doc="File of its key, where tls_cert does not hold it.")

    def __attrs_post_init__(self) -> None:
        if self.servers is not None and (self.host, self.port) != ("localhost", 11211):
            raise ValueError("servers stands in place of host and port: give one or the other")
        if self.keep is not None and not self.append:
            raise ValueError("keep goes with append = true")
        if self.append and self.cas:
            raise ValueError("append compares and sets by itself: leave out cas")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if not self.tls and (self.tls_ca or self.tls_cert or self.tls_key):
            raise ValueError("tls_ca, tls_cert and tls_key go with tls = true")
        if self.tls and any(address.port is None for address in self.addresses):
            raise ValueError("a Unix socket speaks no TLS: leave out tls, or give a host")
        if self.tls_key and not self.tls_cert:
            raise ValueError("tls_key goes with tls_cert")

    @property
    def full_key(self) -> str:
        """The key with its prefix."""
        return self.key_prefix + self.key

    @property
    def addresses(self) -> list[Address]:
        """Where the servers are."""
        if self.servers is None:
            return [parse_server(self.host, self.port)]
        return [parse_server(server) for server in self.servers]

    @property
    def label(self) -> str:
        """The key with its prefix."""
        return self.full_key
