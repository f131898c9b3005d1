"""Remembers for several brokers which messages were seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from geowatch_core.errors import PermanentError
from geowatch_core.window import Window
from geowatch_memcached._driver import Cluster, Node, can_compare
from geowatch_memcached._key import safe_beginning
from geowatch_memcached._owner import Owner

DONE = b"done"
_HOUR = 3600
"""Seconds after which a reservation ends that nobody ever confirmed or released."""
_AT_ONCE_GONE = -1


class MemcachedWindow(Window):
    """A key for each identity, with the token of whoever reserved it, or `DONE`.

    A reservation is made by ``add``, so that only one of several brokers has it. It counts as long
    as its owner shows that it lives; then another takes it over by compare-and-set. `DONE` is
    written by whoever has delivered the message, and is true from then on, whoever had reserved it.

    What memcached forgets has a message pass once more, and never has one disappear: only `DONE`
    has a message dropped.

    Args:
        connected: gives the servers, once this window is opened.
        place: what the windows that share have in common; begins every key.
        expire: seconds for which an identity is remembered.
        lease: seconds after which a dead owner's reservations are free.
    """

    def __init__(
        self, connected: Callable[[], Cluster], place: str, expire: int, lease: float
    ) -> None:
        self._connected = connected
        self._place = safe_beginning(place)
        self._expire = expire
        self._lease = lease
        self._owner: Owner | None = None
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._reserved: set[str] = set()
        self._unanswered: set[str] = set()

    def open(self) -> None:
        """Show the others that this broker lives."""
        if self._owner is not None:
            return
        self._cluster = self._connected()
        for node in self._cluster.nodes:
            if not can_compare(node.settings()):
                what = "memcached was started without compare-and-set"
                raise PermanentError(what, got=node.name, fix="Start it without -C.")
        owner = Owner(self._cluster, self._place, self._lease)
        owner.start()
        self._token = owner.token
        self._owner = owner

    def close(self) -> None:
        """Give up at once what is still reserved."""
        if self._owner is not None:
            self._owner.end()
            self._owner = None
            self._reserved.clear()
            self._unanswered.clear()

    def reserve(self, identities: Sequence[bytes]) -> list[bool] | None:
        """For each, whether it is new; None while another broker has one of them.

        Two brokers never wait for each other: whatever one keeps while it waits comes, in the order
        of keys, before what it waits for.
        """
        keys = [self._key(identity) for identity in identities]
        with self._asking:
            with self._lock:
                wanted = set(keys) - self._reserved
                given_up = self._unanswered - wanted
                self._unanswered |= wanted
            self._free(given_up)
            with self._lock:
                self._unanswered -= given_up
            mine, held = self._claimed(wanted)
            if held:
                first = min(held)
                self._free(key for key in mine if key > first)
                return None
            with self._lock:
                self._unanswered -= wanted
                self._reserved |= mine
        answers = []
        for key in keys:  # of equal ones, the first is new
            answers.append(key in mine)
            mine.discard(key)
        return answers

    def confirm(self, identities: Sequence[bytes]) -> None:
        """Every destination has their messages: true for all brokers, whoever reserved them."""
        keys = {self._key(identity) for identity in identities}
        for node, group in self._by_node(keys):
            node.set_all(group, DONE, self._expire)
        with self._lock:
            self._reserved -= keys

    def release(self, identities: Sequence[bytes]) -> None:
        """Their messages were given back, and so is what a call without an answer has left."""
        with self._lock:
            given = {self._key(identity) for identity in identities}
            # Whether memcached hears of it or not: when they come again, they are new here.
            self._reserved -= given
            self._unanswered |= given
            keys = set(self._unanswered)
        self._free(keys)
        with self._lock:
            self._unanswered -= keys

    def _claimed(self, keys: set[str]) -> tuple[set[str], set[str]]:
        """Which of them this window has now, and which another has."""
        mine: set[str] = set()
        held: set[str] = set()
        for node, group in self._by_node(keys):
            added = node.add_all(group, self._token, _HOUR)
            mine |= {key for key, new in zip(group, added, strict=True) if new}
            there = [key for key, new in zip(group, added, strict=True) if not new]
            self._look(node, there, mine, held)
        return mine, held

    def _look(self, node: Node, keys: list[str], mine: set[str], held: set[str]) -> None:
        """Sort keys that are there already into mine and held; the others were seen."""
        found = node.gets_many(keys)
        held |= set(keys) - set(found)  # gone in between: to be asked for again
        # What has this token was reserved by a call whose reply was lost.
        mine |= {key for key, (value, _) in found.items() if value == self._token}
        others = {key: each for key, each in found.items() if each[0] not in (DONE, self._token)}
        dead = {
            token for token in {value for value, _ in others.values()} if not self._lives(token)
        }
        free = {key: known for key, (value, known) in others.items() if value in dead}
        taken = node.cas_all(free, self._token, _HOUR)
        won = {key for key, over in zip(free, taken, strict=True) if over}
        mine |= won
        held |= set(others) - won

    def _lives(self, token: bytes) -> bool:
        return self._owner is not None and self._owner.lives(token)

    def _free(self, keys: Iterable[str]) -> None:
        """Let go of those that are still this window's."""
        for node, group in self._by_node(keys):
            found = node.gets_many(group)
            own = {key: known for key, (value, known) in found.items() if value == self._token}
            # There is no compare-and-delete.
            node.cas_all(own, b"", _AT_ONCE_GONE)

    def _by_node(self, keys: Iterable[str]) -> Iterator[tuple[Node, list[str]]]:
        """The keys of each server, in order."""
        groups: dict[int, tuple[Node, list[str]]] = {}
        for key in sorted(keys):
            node = self._cluster.node(key)
            groups.setdefault(id(node), (node, []))[1].append(key)
        return iter(groups.values())

    def _key(self, identity: bytes) -> str:
        return f"{self._place}/{identity.hex()}"
