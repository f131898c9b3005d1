"""Brokers, crashes, lost replies and evictions in any order: what is seen was delivered."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from geowatch_core import RetryableError, provision_store
from geowatch_core.window import Window
from tests.conftest import PROFILE
from tests.memcached.proxy import Proxy, losing_replies, refusing
from tests.memcached.raw import Raw
from tools.local import HOST
from tools.memcached_server import MemcachedServer

IDENTITIES = [bytes([n]) * 16 for n in range(3)]
BATCHES = st.lists(st.sampled_from(IDENTITIES), min_size=1, max_size=3)
MANNERS = st.sampled_from([refusing, losing_replies])


class Broker:
    """A window, and the batches that its broker has in flight."""

    def __init__(self, window: Window, closing: ExitStack) -> None:
        self.window = window
        self.closing = closing
        self.flying: list[list[bytes]] = []

    @property
    def in_flight(self) -> set[bytes]:
        """What it has reserved."""
        return {identity for batch in self.flying for identity in batch}


class Machine(RuleBasedStateMachine):
    """Three brokers at one place. Each message is in the sources of all of them."""

    port = 0

    def __init__(self) -> None:
        super().__init__()
        self.raw = Raw(self.port)
        self.proxy = Proxy(self.port)
        self.key = f"model-{uuid.uuid4().hex[:12]}"
        self.delivered: set[bytes] = set()
        self.brokers: list[Broker] = []

    def teardown(self) -> None:
        """Close what is open."""
        for broker in self.brokers:
            broker.closing.close()
        self.proxy.close()

    @initialize()
    def begin(self) -> None:
        """Start them."""
        for _ in range(3):
            self._start()

    def _start(self) -> None:
        closing = ExitStack()
        given = {"host": HOST, "port": self.proxy.port, "key": self.key, "max_tries": 1}
        store = closing.enter_context(provision_store("memcached", **given))
        window = store.window(60)
        window.open()
        closing.callback(window.close)
        self.brokers.append(Broker(window, closing))

    def _asks(self, broker: Broker, batch: list[bytes]) -> None:
        before = broker.in_flight
        answers = broker.window.reserve(batch)
        if answers is None:
            return  # it asks again when it is its turn
        new = [each for each, is_new in zip(batch, answers, strict=True) if is_new]
        assert len(new) == len(set(new))
        seen = set(batch) - set(new)
        assert seen <= self.delivered | before, "seen, and never delivered"
        assert not set(new) & before
        broker.flying.append(new)

    @rule(number=st.integers(0, 2), batch=BATCHES)
    def consume(self, number: int, batch: list[bytes]) -> None:
        """A broker asks for a batch."""
        self._asks(self.brokers[number], batch)

    @rule(number=st.integers(0, 2), batch=BATCHES, manner=MANNERS)
    def consume_in_vain(self, number: int, batch: list[bytes], manner: object) -> None:
        """It asks, and the connection breaks before or after memcached has acted."""
        broker = self.brokers[number]
        if not set(batch) <= broker.in_flight:
            self._breaks(lambda: broker.window.reserve(batch), manner)

    @precondition(lambda self: any(broker.flying for broker in self.brokers))
    @rule(data=st.data(), late=st.booleans(), manner=MANNERS)
    def settle(self, data: st.DataObject, late: bool, manner: object) -> None:
        """A batch is delivered everywhere, and confirmed, perhaps at the second try."""
        broker = data.draw(st.sampled_from([each for each in self.brokers if each.flying]))
        batch = broker.flying.pop(0)
        self.delivered.update(batch)
        if late and batch:
            self._breaks(lambda: broker.window.confirm(batch), manner)
        broker.window.confirm(batch)

    @precondition(lambda self: any(broker.flying for broker in self.brokers))
    @rule(data=st.data(), broken=st.booleans(), manner=MANNERS)
    def give_back(self, data: st.DataObject, broken: bool, manner: object) -> None:
        """A batch goes back to its source; memcached may not hear of it."""
        broker = data.draw(st.sampled_from([each for each in self.brokers if each.flying]))
        batch = broker.flying.pop()
        if broken and batch:
            self._breaks(lambda: broker.window.release(batch), manner)
        else:
            broker.window.release(batch)

    @rule(number=st.integers(0, 2))
    def crash(self, number: int) -> None:
        """A broker dies, and its lease is over; another one begins in its place."""
        dead = self.brokers.pop(number)
        owner = dead.window._owner  # type: ignore[attr-defined]
        owner._ended.set()
        owner._thread.join()
        self.raw.say(b"delete " + owner._key(owner.token).encode())
        dead.closing.pop_all()
        dead.window._cluster.close()  # type: ignore[attr-defined]
        self._start()

    @rule(identity=st.sampled_from(IDENTITIES))
    def evict(self, identity: bytes) -> None:
        """Memcached forgets one."""
        self.raw.say(f"delete {self.key}/{identity.hex()}".encode())

    def _breaks(self, act: object, manner: object) -> None:
        with self.proxy.behaving(manner):  # type: ignore[arg-type]
            try:
                act()  # type: ignore[operator]
            except RetryableError:
                return
        raise AssertionError("a broken connection was not noticed")


def test_nothing_is_seen_that_was_not_delivered(memcached: MemcachedServer) -> None:
    """After any sequence of them, an identity is left out only where its message arrived."""
    machine = type("Machine", (Machine,), {"port": memcached.port})
    most = 300 if PROFILE == "long" else 40
    run_state_machine_as_test(machine, settings=settings(max_examples=most, stateful_step_count=30))
