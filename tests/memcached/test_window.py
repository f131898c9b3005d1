"""The window that several brokers share: what each of them is told, and who has what."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from geowatch_core import RetryableError, provision_store
from geowatch_core.errors import PermanentError
from geowatch_core.store import Store
from geowatch_core.window import Window
from tests.memcached.proxy import Proxy, answering, losing_replies, refusing
from tests.memcached.raw import Raw
from tools.local import HOST, until
from tools.memcached_server import MemcachedServer

A, B, C, D = (bytes([n]) * 16 for n in range(4))
Opening = Callable[..., Window]


@pytest.fixture
def opened(memcached: MemcachedServer, key: str) -> Iterator[Opening]:
    """Opens windows of one place; each is a broker's own."""
    with ExitStack() as closing:

        def one(lease: float = 60, **options: Any) -> Window:
            given = {"host": HOST, "port": memcached.port, "key": key, "max_tries": 1, **options}
            if "servers" in given:
                del given["host"], given["port"]
            store: Store = closing.enter_context(provision_store("memcached", **given))
            window = store.window(lease)
            window.open()
            closing.callback(window.close)
            return window

        yield one


def owner_of(window: Window) -> str:
    """The key by which a window shows that it lives."""
    return window._owner._key(window._token)  # type: ignore[attr-defined]


def crash(window: Window) -> None:
    """Have a window end as if its process had: nothing is renewed, nothing given up."""
    window._owner._ended.set()  # type: ignore[attr-defined]
    window._owner._thread.join()  # type: ignore[attr-defined]


def test_new_identities_are_reserved_once(opened: Opening) -> None:
    """What was not seen is new; of equal ones the first; and not a second time."""
    window = opened()
    assert window.reserve([A, B, A]) == [True, True, False]
    assert window.reserve([B, C]) == [False, True]
    assert window.reserve([]) == []


def test_confirmed_identity_was_seen_by_all(opened: Opening) -> None:
    """After confirm it is new to nobody."""
    first, second = opened(), opened()
    first.reserve([A])
    first.confirm([A])
    assert second.reserve([A, B]) == [False, True]
    assert first.reserve([A]) == [False]


def test_reserved_identity_is_neither_new_nor_seen_to_others(opened: Opening) -> None:
    """While one has only reserved it, the other is told to ask again, and gets nothing."""
    first, second = opened(), opened()
    first.reserve([B])
    assert second.reserve([A, B, C]) is None
    first.release([B])
    assert second.reserve([A, B, C]) == [True, True, True]


def test_released_identity_is_new_again(opened: Opening) -> None:
    """What was given back is new to whoever asks next, this window included."""
    window = opened()
    window.reserve([A, B])
    window.release([A])
    assert window.reserve([A, B]) == [True, False]


def test_waiting_without_an_answer_ends_with_release(opened: Opening) -> None:
    """What a call without an answer kept is free once its batch was given back."""
    first, second, third = opened(), opened(), opened()
    first.reserve([A, B, C, D])
    first.release([A, B, C])
    assert second.reserve([A, B, C, D]) is None
    second.release([])
    assert third.reserve([A, B, C]) == [True, True, True]


def test_closed_window_gives_up_what_it_had(opened: Opening) -> None:
    """The reservations of a broker that ended are free at once."""
    first, second = opened(), opened()
    first.reserve([A])
    first.close()
    assert second.reserve([A]) == [True]


def test_dead_brokers_reservations_are_taken_over_by_one(opened: Opening) -> None:
    """When the lease of a broker that crashed is over, exactly one other has its messages."""
    dead, *others = (opened(lease=lease) for lease in (1, 60, 60, 60))
    dead.reserve([A, B])
    crash(dead)
    answers: list[list[bool]] = []

    def answered() -> bool:
        answers[:] = [found for each in others if (found := each.reserve([A, B])) is not None]
        return bool(answers)

    until(answered, "somebody takes over")
    assert answers[0] == [True, True]
    assert all(each.reserve([A, B]) in ([False, False], None) for each in others)


def test_broker_that_lives_shows_itself_again(opened: Opening, raw: Raw) -> None:
    """The key that stands for all its reservations is renewed, even where it was lost."""
    window = opened(lease=1)
    raw.say(b"delete " + owner_of(window).encode())
    until(lambda: raw.get(owner_of(window)) is not None, "it shows itself")


def test_late_confirm_of_what_was_taken_over_is_true_for_all(opened: Opening, raw: Raw) -> None:
    """A broker that was frozen past its lease and delivered: nobody needs to deliver again."""
    late, other, third = opened(), opened(), opened()
    late.reserve([A])
    raw.say(b"delete " + owner_of(late).encode())
    assert other.reserve([A]) == [True]
    late.confirm([A])
    other.release([A])
    assert third.reserve([A]) == [False]


def test_late_release_leaves_to_others_what_they_took_over(opened: Opening, raw: Raw) -> None:
    """A broker that was frozen past its lease gives back nothing that is not its own any more."""
    late, other, third = opened(), opened(), opened()
    late.reserve([A])
    raw.say(b"delete " + owner_of(late).encode())
    assert other.reserve([A]) == [True]
    late.release([A])
    assert third.reserve([A]) is None


def test_reservation_whose_reply_was_lost_is_new_at_the_next_call(
    opened: Opening, proxy: Proxy
) -> None:
    """Nobody was told that it is new, so the broker that asks again is."""
    window, other = opened(port=proxy.port), opened()
    with proxy.behaving(losing_replies), pytest.raises(RetryableError):
        window.reserve([A, B])
    assert other.reserve([A]) is None
    assert window.reserve([A, B]) == [True, True]


def test_what_could_not_be_released_is_new_when_it_comes_again(
    opened: Opening, proxy: Proxy
) -> None:
    """A message that was given back while memcached was away is never taken for a duplicate."""
    window = opened(port=proxy.port)
    window.reserve([A, B])
    with proxy.behaving(refusing), pytest.raises(RetryableError):
        window.release([A])
    assert window.reserve([A, B]) == [True, False]


def test_window_that_is_opened_again_remembers_no_reservations(opened: Opening) -> None:
    """What it had before it was closed is new to it, as to all others."""
    window = opened()
    window.reserve([A])
    window.close()
    window.open()
    assert window.reserve([A]) == [True]


@pytest.mark.parametrize("manner", [refusing, losing_replies, answering(b"SERVER_ERROR no\r\n")])
def test_window_that_cannot_answer_says_so(opened: Opening, proxy: Proxy, manner: Any) -> None:
    """Reserve, confirm and release raise RetryableError, and work when tried again."""
    window, other = opened(port=proxy.port), opened()
    window.reserve([A])
    with proxy.behaving(manner):
        for act in (window.reserve, window.confirm, window.release):
            with pytest.raises(RetryableError):
                act([B] if act == window.reserve else [A])
    window.confirm([A])
    assert other.reserve([A]) == [False]


def fill(window: Window) -> None:
    """Reserve one identity after the other until there is no room."""
    for start in range(0, 100_000, 500):
        assert window.reserve([n.to_bytes(16) for n in range(start, start + 500)]) == [True] * 500


def test_full_memcached_that_may_not_evict_is_said(logs: Any, key: str) -> None:
    """With -M and no room left an identity is not reserved: never dropped, never passed."""
    with MemcachedServer(logs, "-M", "-m", "2") as server:
        store = provision_store("memcached", host=HOST, port=server.port, key=key, max_tries=1)
        with store:
            window = store.window()
            window.open()
            with pytest.raises(RetryableError, match="out of memory"):
                fill(window)
            window.close()


def test_batches_that_cross_never_wait_for_each_other(opened: Opening) -> None:
    """Brokers with the same messages in different orders all come to an end; each is new once."""
    chance = random.Random(7)
    identities = [n.to_bytes(16) for n in range(60)]
    new: Counter[bytes] = Counter()
    lock = threading.Lock()

    def work(window: Window, batches: list[list[bytes]]) -> None:
        for batch in batches:
            answers = None
            while answers is None:
                answers = window.reserve(batch)
            mine = [each for each, is_new in zip(batch, answers, strict=True) if is_new]
            with lock:
                new.update(mine)
            window.confirm(mine)

    with ThreadPoolExecutor(4) as pool:
        jobs = []
        for window in [opened() for _ in range(4)]:
            order = chance.sample(identities, len(identities))
            batches = [order[start : start + 15] for start in range(0, len(order), 15)]
            jobs.append(pool.submit(work, window, batches))
        for job in jobs:
            job.result(timeout=60)
    assert new == Counter(identities)


def test_many_identities_at_once(opened: Opening) -> None:
    """More than one send can hold are reserved, looked at and confirmed."""
    first, second = opened(), opened()
    identities = [n.to_bytes(16) for n in range(1_700)]
    assert first.reserve(identities) == [True] * 1_700
    assert second.reserve(identities) is None
    first.confirm(identities)
    assert second.reserve(identities) == [False] * 1_700


def test_identities_are_spread_over_several_servers(
    opened: Opening, memcached: MemcachedServer, own: MemcachedServer, raw: Raw, key: str
) -> None:
    """Each server has some of them; the brokers agree on where."""
    servers = [memcached.address, own.address]
    first, second = opened(servers=servers), opened(servers=servers[::-1])
    identities = [n.to_bytes(16) for n in range(100)]
    first.reserve(identities)
    first.confirm(identities[:50])
    names = [f"{key}/{identity.hex()}" for identity in identities]
    there = [sum(each.get(name) is not None for name in names) for each in (raw, Raw(own.port))]
    assert sum(there) == 100
    assert min(there) > 20
    assert second.reserve(identities[:50]) == [False] * 50
    assert second.reserve(identities[50:]) is None


def test_identities_are_remembered_as_long_as_expire_says(
    opened: Opening, raw: Raw, key: str
) -> None:
    """What was confirmed is there for that many seconds, also when it is more than a month."""
    window = opened(expire=40 * 24 * 3600)
    window.reserve([A])
    window.confirm([A])
    left = raw.seconds_left(f"{key}/{A.hex()}")
    assert left is not None
    assert abs(left - 40 * 24 * 3600) < 100


def test_windows_of_other_places_remember_apart(opened: Opening) -> None:
    """Another key, or another prefix, is another memory."""
    first, second, third = opened(), opened(key="elsewhere"), opened(key_prefix="tenant:")
    first.reserve([A])
    first.confirm([A])
    assert second.reserve([A]) == [True]
    assert third.reserve([A]) == [True]


@pytest.mark.parametrize("place", ["a b\r\nflush_all\r\n", "ä", "k" * 220, "k" * 250])
def test_any_place_begins_safe_keys(opened: Opening, raw: Raw, place: str, key: str) -> None:
    """Whatever it is called, brokers find each other there, and no command is in it."""
    raw.set(f"{key}-sentinel", b"here")
    first, second = opened(key=key + place), opened(key=key + place)
    first.reserve([A])
    assert second.reserve([A]) is None
    first.confirm([A])
    assert second.reserve([A, B]) == [False, True]
    assert raw.get(f"{key}-sentinel") == b"here"


def test_what_another_program_keeps_there_is_no_reservation(
    opened: Opening, raw: Raw, key: str
) -> None:
    """A value that no window wrote has no message dropped, and none waited for."""
    for value in (b"x y\r\nz", b"", b"k" * 1_000):
        raw.set(f"{key}/{A.hex()}", value)
        window = opened()
        assert window.reserve([A]) == [True]
        window.release([A])


def test_memcached_without_compare_and_set_is_refused(logs: Any, key: str) -> None:
    """Started with -C it cannot serve as a window, and that is said when it is opened."""
    with MemcachedServer(logs, "-C") as server:
        store = provision_store("memcached", host=HOST, port=server.port, key=key, max_tries=1)
        with store, pytest.raises(PermanentError, match="compare-and-set"):
            store.window().open()
