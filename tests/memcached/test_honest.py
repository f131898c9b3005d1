"""Nothing is reported as stored that is not: full, too large, dead, frozen, restarted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geowatch_core import CONFIRMED, Message, RetryableError, TooLargeError, provision_store
from geowatch_core.store import Store
from tests.memcached.proxy import Proxy, answering, losing_replies, refusing
from tests.memcached.raw import Raw
from tools.local import HOST, until
from tools.memcached_server import MemcachedServer


def store_of(port: int, key: str, **options: Any) -> Store:
    """An open store of one key."""
    given = {"host": HOST, "port": port, "key": key, "max_tries": 1, "which": "last", **options}
    if "servers" in given:
        del given["host"], given["port"]
    return provision_store("memcached", **given)


def outcome(store: Store, data: bytes) -> Any:
    """What became of a document."""
    (answer,) = store.write([Message(data)])
    return answer


def test_out_of_memory_confirms_only_what_is_stored(logs: Path) -> None:
    """With -M a full memcached refuses: each document is readable, or was said to be not stored."""
    refused = 0
    with MemcachedServer(logs, "-M", "-m", "2") as server:
        held = Raw(server.port)
        for number in range(60):
            data = b"%d" % number * 40_000
            with store_of(server.port, f"k{number}") as store:
                answer = outcome(store, data)
            stored = held.get(f"k{number}") == data
            assert (answer is CONFIRMED) == stored
            refused += not stored
            assert stored or (isinstance(answer, RetryableError) and "out of memory" in str(answer))
        assert 0 < refused < 60


def test_eviction_takes_what_was_confirmed_and_read_says_so(logs: Path) -> None:
    """Every document was there when it was confirmed; later ones push it out: reads are empty."""
    with MemcachedServer(logs, "-m", "2") as server:
        held = Raw(server.port)
        confirmed = []
        for number in range(150):
            data = b"%3d" % number * 7_000
            with store_of(server.port, f"k{number}") as store:
                answer = outcome(store, data)
            assert (answer is CONFIRMED) == (held.get(f"k{number}") == data)
            confirmed += [number] if answer is CONFIRMED else []
        gone = [number for number in confirmed if held.get(f"k{number}") is None]
        with store_of(server.port, f"k{gone[0]}") as store:
            assert store.read() == []
            assert not store.capabilities.durable


def test_value_that_only_the_server_finds_too_large_is_not_confirmed(logs: Path) -> None:
    """A memcached that came back with smaller items refuses, and that is what the outcome says."""
    first = MemcachedServer(logs, "-I", "2m").start()
    store = store_of(first.port, "key")
    first.kill()
    with store, MemcachedServer(logs, port=first.port):
        outcome(store, b"x")  # whatever the connection from before answers
        assert isinstance(outcome(store, b"x" * 1_500_000), TooLargeError)
        assert Raw(first.port).get("key") != b"x" * 1_500_000


@pytest.mark.parametrize(
    "reply",
    [b"NOT_STORED", b"ERROR", b"CLIENT_ERROR bad data chunk", b"SERVER_ERROR busy", b"OK", b"END"],
)
def test_any_other_reply_than_stored_is_no_confirmation(
    memcached: MemcachedServer, proxy: Proxy, raw: Raw, key: str, reply: bytes
) -> None:
    """Whatever memcached, or a proxy before it, says in place of STORED: not confirmed."""
    with store_of(proxy.port, key) as store:
        with proxy.behaving(answering(reply + b"\r\n")):
            assert outcome(store, b"x") is not CONFIRMED
        assert raw.get(key) is None


def test_lost_connection_is_retryable_whether_it_was_stored_or_not(
    memcached: MemcachedServer, proxy: Proxy, raw: Raw, key: str
) -> None:
    """Nobody heard STORED: the outcome is to try again, and that works."""
    with store_of(proxy.port, key) as store:
        for manner in (refusing, losing_replies):
            with proxy.behaving(manner):
                assert isinstance(outcome(store, b"x"), RetryableError)
        assert raw.get(key) == b"x"  # stored by the second, and not confirmed
        assert outcome(store, b"y") is CONFIRMED


def test_frozen_memcached_confirms_nothing(own: MemcachedServer) -> None:
    """SIGSTOP: writes and reads end after the timeout, and work again when it goes on."""
    with store_of(own.port, "key", timeout=1) as store:
        until(lambda: outcome(store, b"before") is CONFIRMED, "it is written")
        own.freeze()
        assert isinstance(outcome(store, b"meanwhile"), RetryableError)
        with pytest.raises(RetryableError, match="timed out"):
            store.read()
        own.thaw()
        until(lambda: outcome(store, b"after") is CONFIRMED, "it is written again")


def test_restarted_memcached_is_empty_and_takes_new_documents(own: MemcachedServer) -> None:
    """After kill -9 what was there is gone; the connections from before are not trusted."""
    with store_of(own.port, "key") as store:
        assert outcome(store, b"before") is CONFIRMED
        own.kill()
        assert isinstance(outcome(store, b"meanwhile"), RetryableError)
        own.start()
        assert Raw(own.port).get("key") is None
        assert outcome(store, b"after") is CONFIRMED
        assert Raw(own.port).get("key") == b"after"


def test_dead_server_keeps_its_keys(
    memcached: MemcachedServer, own: MemcachedServer, key: str
) -> None:
    """Of two servers one dies: its documents are refused, never put on the other."""
    servers = [memcached.address, own.address]
    stores = [store_of(0, f"{key}-{n}", servers=servers) for n in range(30)]
    try:
        there = {n for n in range(30) if outcome(stores[n], b"first") is CONFIRMED}
        assert there == set(range(30))
        its = {n for n in range(30) if Raw(own.port).get(f"{key}-{n}")}
        assert 0 < len(its) < 30
        own.kill()
        for _ in range(3):
            answers = [outcome(store, b"second") for store in stores]
            dead = {n for n, each in enumerate(answers) if isinstance(each, RetryableError)}
            assert dead == its
            assert all(own.address in str(answers[n]) for n in dead)
        alive = Raw(memcached.port)
        assert {n for n in range(30) if alive.get(f"{key}-{n}")} == set(range(30)) - its
        with pytest.raises(RetryableError):
            stores[min(its)].read()  # not there is not the same as empty
        own.start()
        assert {n for n in its if outcome(stores[n], b"third") is CONFIRMED} == its
    finally:
        for store in stores:
            store.close()
