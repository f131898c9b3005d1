"""What a store does with memcached: keys, expiration, several servers, many threads."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pymemcache.client.hash import HashClient

from geowatch_core import CONFIRMED, Message, provision_store
from geowatch_core.errors import OptionsError, RetryableError, ServiceError, TooLargeError
from geowatch_core.store import Store
from tests.memcached.proxy import Proxy, answering, passing
from tests.memcached.raw import Raw
from tools.local import HOST, Server
from tools.memcached_server import MemcachedServer, program

DAY = 24 * 3600
Opening = Callable[..., Store]


@pytest.fixture
def opened(memcached: MemcachedServer, key: str) -> Iterator[Opening]:
    """Opens stores of one key, closed at the end."""
    with ExitStack() as closing:

        def one(**options: Any) -> Store:
            given = {"host": HOST, "port": memcached.port, "key": key, "max_tries": 1, **options}
            if "servers" in given:
                del given["host"], given["port"]
            return closing.enter_context(provision_store("memcached", **given))

        yield one


def written(store: Store, *texts: str) -> list[Any]:
    """The outcomes of a write of these."""
    return store.write([Message(text.encode()) for text in texts])


def read(store: Store) -> list[bytes]:
    """The bytes of what a store reads."""
    return [message.data for message in store.read()]


@pytest.mark.parametrize(
    ("which", "kept"),
    [
        ({"which": "all"}, b"a\nb\nc\n"),
        ({"which": "first"}, b"a"),
        ({"which": "last"}, b"c"),
        ({"which": "index", "which_index": 1}, b"b"),
    ],
)
def test_which_says_what_of_a_batch_is_kept(
    opened: Opening, raw: Raw, key: str, which: dict[str, Any], kept: bytes
) -> None:
    """Under the key stands what `which` chooses, as the codec writes it."""
    assert written(opened(**which), "a", "b", "c") == [CONFIRMED] * 3
    assert raw.get(key) == kept


@pytest.mark.parametrize("seconds", [100, 30 * DAY, 30 * DAY + 1, 400 * DAY])
def test_expire_is_counted_in_seconds_however_many(
    opened: Opening, raw: Raw, key: str, seconds: int
) -> None:
    """Also beyond the 30 days from which on memcached takes a number for a date."""
    assert written(opened(expire=seconds), "a") == [CONFIRMED]
    left = raw.seconds_left(key)
    assert left is not None
    assert abs(left - seconds) < 60


def test_without_expire_nothing_expires(opened: Opening, raw: Raw, key: str) -> None:
    """A document that was given no time stays until memcached needs its room."""
    written(opened(), "a")
    assert raw.seconds_left(key) == -1


def test_expire_beyond_what_memcached_counts_is_its_last_second(
    opened: Opening, raw: Raw, key: str
) -> None:
    """A hundred years are stored, rather than refused or gone at once."""
    assert written(opened(expire=36_500 * DAY), "a") == [CONFIRMED]
    left = raw.seconds_left(key)
    assert left is not None
    assert abs(left - (2**31 - 1 - time.time())) < 60


def test_prefixes_keep_tenants_apart(opened: Opening, raw: Raw, key: str) -> None:
    """The same key under two prefixes is two documents."""
    first, second = opened(key_prefix="one:"), opened(key_prefix="two:")
    written(first, "a")
    assert read(second) == []
    assert raw.get(f"one:{key}") == b"a\n"


HOSTILE = [
    "a b",
    "a\r\nflush_all\r\n",
    "a\r\nset sentinel 0 0 1\r\nx\r\n",
    "a 0 0 1\r\nx\r\ndelete sentinel\r\n",
    "a\nversion",
    "a\0b",
    "\x7f\x1b[2J",
    "\t",
    "ä€𝄞",
    "\u00a0\u2028\u0085",
    "k" * 251,
    "k" * 100_000,
    "noreply\r",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_key_is_one_safe_key(opened: Opening, raw: Raw, key: str, text: str) -> None:
    """No key is read as a command; it stands under its hash, and is read back from there."""
    raw.set(f"{key}-sentinel", b"here")
    text = key + text.replace("sentinel", f"{key}-sentinel")
    store = opened(key=text)
    assert written(store, "a") == [CONFIRMED]
    assert read(store) == [b"a"]
    assert raw.get(f"{key}-sentinel") == b"here"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    readable = "".join(each if "!" <= each <= "~" else "_" for each in text[:100])
    assert raw.get(f"{readable}~{digest}") == b"a\n"


def test_clients_of_older_configurations_stand_for_pymemcache(
    opened: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    """What the library of 2015 named still works, with one warning that says what to do."""
    for name in ("umemcache", "pylibmc", "python-memcached"):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            store = opened(client_type=name)
            assert written(store, "a") == [CONFIRMED]
        assert len(caplog.records) == 1
        assert f"client_type {name}" in caplog.text
        assert "Leave out client_type" in caplog.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"client_type": "redis"}, "client_type: must be pymemcache, got 'redis'"),
        ({"key": ""}, "key: is empty"),
        ({"port": 0}, "port: must be from 1 to 65535"),
        ({"expire": 0}, "expire: must be at least 1"),
        ({"servers": []}, "servers: is empty"),
        ({"servers": ["a:b"]}, "servers: must be host:port"),
        ({"servers": ["a:1"], "port": 5}, "one or the other"),
        ({"keep": 3}, "keep goes with append"),
        ({"cas": True, "append": True}, "leave out cas"),
        ({"username": "u"}, "go together"),
        ({"tls_ca": "ca.pem"}, "go with tls = true"),
        ({"tls": True, "servers": ["/run/m.sock"]}, "a Unix socket speaks no TLS"),
        ({"expires": 3}, "Did you mean expire?"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    """Each mistake says which option it is and what to do."""
    with pytest.raises(OptionsError, match=said):
        provision_store("memcached", **{"key": "k", **options})


def test_keys_stay_where_other_clients_look_for_them(
    opened: Opening, memcached: MemcachedServer, own: MemcachedServer, key: str
) -> None:
    """With several servers, pymemcache's own HashClient finds every document."""
    servers = [memcached.address, own.address]
    with_hash = HashClient(servers)
    for number in range(20):
        written(opened(servers=servers, key=f"{key}-{number}"), str(number))
        assert with_hash.get(f"{key}-{number}") == f"{number}\n".encode()
    there = [number for number in range(20) if Raw(own.port).get(f"{key}-{number}")]
    assert 0 < len(there) < 20
    with_hash.close()


def test_document_is_found_under_any_name_of_the_host(opened: Opening) -> None:
    """A host with several addresses is tried at each: memcached here has only one of them."""
    store = opened(host="localhost")
    assert written(store, "a") == [CONFIRMED]


def test_unix_socket_is_an_address(tmp_path: Path, key: str) -> None:
    """A memcached that has no port is reached by its socket."""
    binary, environment = program()
    path = tmp_path / "memcached.sock"
    command = [binary, "-s", path, "-u", "root"]
    log = tmp_path / "log"
    with (
        Server(command, ready=path.exists, log=log, environment=environment),
        provision_store("memcached", key=key, host=f"unix:{path}", max_tries=1) as store,
    ):
        assert written(store, "a") == [CONFIRMED]
        assert read(store) == [b"a"]


def test_one_store_serves_many_threads(opened: Opening) -> None:
    """Writes and reads of eight threads at once all succeed, and no reply is another's."""
    stores = [opened(key=f"threads-{number}", codec="json") for number in range(3)]

    def work(number: int) -> int:
        store = stores[number % len(stores)]
        for turn in range(40):
            assert store.write([Message.of({"n": [number, turn]})]) == [CONFIRMED]
            (message,) = store.read()
            assert message.value["n"][0] % len(stores) == number % len(stores)
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))


def test_what_others_serialized_is_a_decode_error_and_not_a_guess(
    opened: Opening, raw: Raw, key: str
) -> None:
    """Bytes of another library are handed to the codec as they are: nothing is unpickled."""
    raw.set(key, b"\x80\x04\x95\x0b.")
    with pytest.raises(ValueError, match="JSON"):
        [message.value for message in opened(codec="json").read()]


def test_wrong_host_is_retryable_and_says_where(opened: Opening) -> None:
    """Nobody there: the error names the address."""
    with pytest.raises(RetryableError, match=r"127\.0\.0\.1:1'"):
        opened(port=1)


def test_what_is_no_memcached_is_said(opened: Opening, proxy: Proxy) -> None:
    """A service that answers in another language is not taken for an empty memcached."""
    with (
        proxy.behaving(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        pytest.raises(ServiceError, match=str(proxy.port)),
    ):
        opened(port=proxy.port)


def test_item_limit_is_that_of_the_server(logs: Path, key: str) -> None:
    """A value is refused before it is sent where the server would, and what was there stays."""
    with MemcachedServer(logs, "-I", "2m") as server:
        held = Raw(server.port)
        store = provision_store(
            "memcached", key=key, host=HOST, port=server.port, which="last", max_tries=1
        )
        with store:
            limit = store.capabilities.max_message
            assert limit == 2 * 1024 * 1024 - 64 - len(key)
            assert written(store, "x" * limit) == [CONFIRMED]
            (outcome,) = written(store, "x" * (limit + 1))
            assert isinstance(outcome, TooLargeError)
            assert held.get(key) == b"x" * limit


@pytest.mark.parametrize("reply", [b"ERROR\r\n", b"END\r\n", None])
def test_server_that_does_not_tell_its_limits_is_used(
    opened: Opening, proxy: Proxy, raw: Raw, key: str, reply: bytes | None
) -> None:
    """Proxies refuse `stats`, or hang up; what is too large is then found out by sending it."""

    def manner(client: Any, server: Any, asked: bool, said: bytes) -> bool:
        if not said.startswith(b"stats"):
            return passing(client, server, asked, said)
        if reply is not None:
            client.sendall(reply)
        return reply is not None

    with proxy.behaving(manner):
        store = opened(port=proxy.port, which="last")
        assert store.capabilities.max_message == 1 << 30
        assert written(store, "a") == [CONFIRMED]
        (outcome,) = written(store, "x" * (2 << 20))
        assert isinstance(outcome, TooLargeError)
        assert outcome.fix
