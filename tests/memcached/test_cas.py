"""Compare-and-set: what another wrote is not lost."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import CONFIRMED, Message, provision_store
from geowatch_core.errors import DecodeError, PermanentError, RetryableError, TooLargeError
from geowatch_core.store import Store
from tests.memcached.proxy import Proxy, losing_replies
from tests.memcached.raw import Raw
from tools.local import HOST
from tools.memcached_server import MemcachedServer

Opening = Callable[..., Store]


@pytest.fixture
def opened(memcached: MemcachedServer, key: str) -> Iterator[Opening]:
    """Opens stores of one key, closed at the end."""
    with ExitStack() as closing:

        def one(**options: Any) -> Store:
            given = {"host": HOST, "port": memcached.port, "key": key, "max_tries": 1, **options}
            return closing.enter_context(provision_store("memcached", **given))

        yield one


def written(store: Store, *texts: str) -> list[Any]:
    """The outcomes of a write of these."""
    return store.write([Message(text.encode()) for text in texts])


def read(store: Store) -> list[bytes]:
    """The bytes of what a store reads."""
    return [message.data for message in store.read()]


def refused(answers: list[Any]) -> bool:
    """Whether a write was refused for good, because of what somebody else wrote."""
    return all(isinstance(a, PermanentError) and "Somebody else" in str(a) for a in answers)


def test_cas_never_replaces_what_was_not_read(opened: Opening, raw: Raw, key: str) -> None:
    """What another wrote since stays; after a read it may be replaced."""
    store = opened(cas=True)
    assert written(store, "mine") == [CONFIRMED]
    assert written(store, "mine again") == [CONFIRMED]
    raw.set(key, b"theirs\n")
    assert refused(written(store, "mine once more"))
    assert refused(written(store, "and once more"))
    assert raw.get(key) == b"theirs\n"
    assert read(store) == [b"theirs"]
    assert written(store, "theirs", "mine") == [CONFIRMED] * 2
    assert raw.get(key) == b"theirs\nmine\n"


def test_cas_starts_only_on_an_empty_key(opened: Opening, raw: Raw, key: str) -> None:
    """A document that this store has never read is not replaced."""
    raw.set(key, b"theirs\n")
    assert refused(written(opened(cas=True), "mine"))
    assert raw.get(key) == b"theirs\n"


def test_cas_goes_on_where_memcached_has_forgotten(opened: Opening, raw: Raw, key: str) -> None:
    """There is nothing to lose where nothing is."""
    store = opened(cas=True)
    written(store, "mine")
    raw.say(b"delete " + key.encode())
    assert written(store, "mine again") == [CONFIRMED]


def test_cas_knows_its_own_write_whose_reply_was_lost(
    opened: Opening, proxy: Proxy, raw: Raw, key: str
) -> None:
    """It is neither refused as somebody else's when tried again, nor when gone on from."""
    store = opened(cas=True, port=proxy.port)
    with proxy.behaving(losing_replies_to(b"cas", b"add")):
        assert isinstance(written(store, "one")[0], RetryableError)
    assert raw.get(key) == b"one\n"
    assert written(store, "one") == [CONFIRMED]
    with proxy.behaving(losing_replies_to(b"cas", b"add")):
        assert isinstance(written(store, "two")[0], RetryableError)
    assert written(store, "three") == [CONFIRMED]
    assert raw.get(key) == b"three\n"


def losing_replies_to(*verbs: bytes) -> Any:
    """Hang up after memcached has acted on one of these."""
    asked_last = [b""]

    def manner(client: Any, server: Any, asked: bool, said: bytes) -> bool:
        if asked:
            asked_last[0] = said.split(b" ")[0]
        elif asked_last[0] not in verbs:
            client.sendall(said)
            return True
        return losing_replies(client, server, asked, said)

    return manner


def test_two_that_read_change_and_write_lose_no_change(opened: Opening) -> None:
    """The use that cas is for: what was refused is read and done again, and counts add up."""

    def count(store: Store) -> int:
        refusals = 0
        for _ in range(40):
            while True:
                now = sum(int(data) for data in read(store))
                if written(store, str(now + 1)) == [CONFIRMED]:
                    break
                refusals += 1
        return refusals

    stores = [opened(cas=True) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(count, stores))
    assert read(opened()) == [b"120"]


def test_append_adds_to_what_is_there(opened: Opening, raw: Raw, key: str) -> None:
    """Each write adds its messages behind the others'."""
    first, second = opened(append=True), opened(append=True)
    written(first, "a", "b")
    written(second, "c")
    written(first, "d")
    assert raw.get(key) == b"a\nb\nc\nd\n"
    assert read(second) == [b"a", b"b", b"c", b"d"]


def test_brokers_that_append_at_once_lose_nothing(opened: Opening) -> None:
    """Four stores add to one document at the same time: every message is there, once."""
    stores = [opened(append=True, codec="json") for _ in range(4)]

    def add(number: int) -> None:
        for turn in range(25):
            outcomes = stores[number].write([Message.of([number, turn]), Message.of([number, -1])])
            assert outcomes == [CONFIRMED] * 2

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    found = Counter(tuple(message.value) for message in stores[0].read())
    expected = Counter(itertools.product(range(4), range(25)))
    expected.update({(number, -1): 25 for number in range(4)})
    assert found == expected


def test_append_keeps_as_many_as_it_is_told(opened: Opening, raw: Raw, key: str) -> None:
    """The oldest make room, also within one batch."""
    store = opened(append=True, keep=3)
    written(store, "a", "b")
    written(store, "c", "d")
    assert raw.get(key) == b"b\nc\nd\n"
    written(store, "e", "f", "g", "h")
    assert raw.get(key) == b"f\ng\nh\n"


def test_append_whose_reply_was_lost_adds_once(
    opened: Opening, proxy: Proxy, raw: Raw, key: str
) -> None:
    """Tried again, the same messages are found to be there."""
    store = opened(append=True, port=proxy.port)
    written(store, "a")
    with proxy.behaving(losing_replies_to(b"cas")):
        assert isinstance(written(store, "b")[0], RetryableError)
    assert written(store, "b") == [CONFIRMED]
    assert written(store, "b") == [CONFIRMED]
    assert raw.get(key) == b"a\nb\nb\n"


def test_append_that_finds_no_room_changes_nothing(opened: Opening, raw: Raw, key: str) -> None:
    """A document that would be larger than an item is refused, with what to do."""
    store = opened(append=True)
    written(store, "x" * 700_000)
    (answer,) = written(store, "y" * 700_000)
    assert isinstance(answer, TooLargeError)
    assert "keep" in str(answer)
    assert raw.get(key) == b"x" * 700_000 + b"\n"


def test_append_to_what_is_no_document_is_refused(opened: Opening, raw: Raw, key: str) -> None:
    """What another program keeps under the key is not written over."""
    raw.set(key, b"[1, 2")
    quake = {"type": "Feature", "geometry": None, "properties": {}}
    (answer,) = opened(append=True, codec="geojson").write([Message.of(quake)])
    assert isinstance(answer, DecodeError)
    assert raw.get(key) == b"[1, 2"


def test_server_without_compare_and_set_is_refused(logs: Path) -> None:
    """Started with -C, memcached cannot do it, and that is said at once."""
    with MemcachedServer(logs, "-C") as server:
        for option in ("cas", "append"):
            with pytest.raises(PermanentError, match="without compare-and-set"):
                provision_store("memcached", key="k", host=HOST, port=server.port, **{option: True})
