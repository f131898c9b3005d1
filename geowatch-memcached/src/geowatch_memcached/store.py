"""Keeps a document under a key of memcached."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

import attrs

from geowatch_core.codec import Codec
from geowatch_core.errors import PermanentError, RetryableError, TooLargeError
from geowatch_core.message import Message
from geowatch_core.store import Store
from geowatch_memcached._driver import Cluster, Node, can_compare, largest_value
from geowatch_memcached._key import safe_key
from geowatch_memcached.backend import STORE
from geowatch_memcached.options import CLIENT, MemcachedStoreOptions
from geowatch_memcached.window import MemcachedWindow

_DAY = 24 * 3600
"""Seconds for which a window remembers what it was not told to remember for longer."""
_log = logging.getLogger(__name__)
_TURNS = 100
"""How often adding to a document is begun anew because another broker was quicker."""


class MemcachedStore(Store):
    """One document under its key. A write replaces it, or with ``append`` adds to it.

    Confirmed means that memcached said so; it may forget the document at any moment nevertheless.
    """

    capabilities = STORE

    def __init__(self, options: MemcachedStoreOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(
            name=name, codec=codec, which=options.which, which_index=options.which_index
        )
        if options.append and options.keep is None:
            self.capabilities = attrs.evolve(STORE, replaces=False)
        self._options = options
        self._key = safe_key(options.full_key)
        self._one_at_a_time = threading.Lock()
        self._known: set[bytes] = set()
        self._tried: bytes | None = None
        self._unsure: tuple[list[bytes], bytes] | None = None

    def _open(self) -> None:
        cluster = Cluster(self._options)
        try:
            settings = cluster.node(self._key).settings()
        except BaseException:
            cluster.close()
            raise
        if (self._options.cas or self._options.append) and not can_compare(settings):
            cluster.close()
            raise PermanentError(
                "memcached was started without compare-and-set",
                got=cluster.node(self._key).name,
                fix="Start it without -C, or leave out cas and append.",
            )
        self._cluster = cluster
        largest = largest_value(settings, self._key)
        if largest is not None:
            self.capabilities = attrs.evolve(self.capabilities, max_message=largest)
        if self._options.client_type != CLIENT:
            _log.warning(
                "%s: client_type %s is no longer there, %s serves in its place. Leave out "
                "client_type.",
                self.name,
                self._options.client_type,
                CLIENT,
            )

    def window(self, lease: float = 15.0) -> MemcachedWindow:
        """What was seen by all brokers that name this key and these servers.

        An identity is remembered for ``expire`` seconds, a day if that is not given.
        """
        options = self._options
        expire = _DAY if options.expire is None else options.expire
        return MemcachedWindow(self._connected, options.full_key, expire, lease)

    def _connected(self) -> Cluster:
        self._require_open()
        return self._cluster

    @property
    def _node(self) -> Node:
        return self._cluster.node(self._key)

    def _write(self, messages: Sequence[Message]) -> None:
        if self._options.append:
            with self._one_at_a_time:
                self._append([message.data for message in messages])
        elif self._options.cas:
            with self._one_at_a_time:
                self._replace(self.document(messages))
        else:
            self._node.set(self._key, self.document(messages), self._options.expire)

    def _read(self) -> Iterator[bytes]:
        document = self._node.get(self._key)
        self._known = set() if document is None else {document}
        self._tried = None
        return iter(() if document is None else (document,))

    def _replace(self, document: bytes) -> None:
        """Write over what is known here, and over nothing else."""
        held = self._node.gets(self._key)
        if held is not None and held[0] not in self._known:
            raise self._overtaken()
        if held is not None and held[0] == self._tried == document:
            return  # only the reply to the last try was lost
        try:
            stored = self._put(document, held)
        except RetryableError:
            # It may be there by now, or soon, and is known then.
            self._known.add(document)
            self._tried = document
            raise
        self._tried = None
        if not stored:
            raise self._overtaken()
        self._known = {document}

    def _append(self, items: list[bytes]) -> None:
        """Write what is there and `items` behind it, again while another is quicker."""
        for _ in range(_TURNS):
            held = self._node.gets(self._key)
            if held is not None and self._unsure == (items, held[0]):
                self._unsure = None
                return  # only the reply to the last try was lost
            before = [] if held is None else list(self.codec.unpack(held[0]))
            document = self._fitting([*before, *items][-(self._options.keep or 0) :])
            self._unsure = (items, document)
            stored = self._put(document, held)
            self._unsure = None
            if stored:
                return
        raise RetryableError(
            f"Others changed the document of {self.name} each time before it could be added to",
            got=self._key,
            fix="Have fewer brokers add to one key.",
        )

    def _put(self, document: bytes, held: tuple[bytes, bytes] | None) -> bool:
        """Write if what was found there is there still."""
        expire = self._options.expire
        if held is None:
            return self._node.add(self._key, document, expire)
        return self._node.cas(self._key, document, expire, held[1])

    def _fitting(self, items: list[bytes]) -> bytes:
        document = self.codec.pack(items)
        limit = self.capabilities.max_message
        if limit is not None and len(document) > limit:
            raise TooLargeError(
                f"With what it holds already, {self.name} has no room below {limit} bytes",
                got=len(document),
                fix="Set keep to how many items are wanted, or start memcached with a larger -I.",
            )
        return document

    def _overtaken(self) -> PermanentError:
        return PermanentError(
            f"Somebody else has written what {self.name} holds since it was last read here",
            got=self._key,
            fix="Read it, and write what follows from that.",
        )

    def _close(self) -> None:
        self._cluster.close()
