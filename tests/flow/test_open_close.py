"""Opening, closing, and running more than once."""

import pytest

from geowatch_core import Broker, Duplex
from geowatch_core.errors import ClosedError, PermanentError
from geowatch_core.memory.options import MemoryStoreOptions
from geowatch_core.memory.store import MemoryStore
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import AT_ONCE, LATER, Given, Kept, data
from tests.flow.codec import JSON


class Life:
    """Notes when a role is opened and closed, and fails as told."""

    log = None
    fails_to = ()

    def _open(self):
        self.log.append(f"open {self.name}")
        if "open" in self.fails_to:
            raise PermanentError(f"{self.name} does not open", fix="Mend it.")

    def _close(self):
        self.log.append(f"close {self.name}")
        if "close" in self.fails_to:
            raise PermanentError(f"{self.name} does not close", fix="Mend it.")


class Source(Life, Given):
    pass


class Sink(Life, Kept):
    pass


def route(**fails_to):
    """A broker of a source, two sinks and a dead letter, and what was opened and closed."""
    log = []
    roles = [Source(data(1), name="source"), *(Sink(name=n) for n in ("one", "two", "dead"))]
    for role in roles:
        role.log, role.fails_to = log, fails_to.get(role.name, ())
    source, one, two, dead = roles
    return Broker(consumers=[source], producers=[one, two], dead_letter=dead), log, roles


def test_run_opens_and_closes_every_channel():
    """A broker that was not entered opens what it needs, and closes all of it."""
    broker, log, _ = route()
    broker.run()
    names = {"source", "one", "two", "dead"}
    assert log[:4] == [f"open {name}" for name in ("source", "one", "two", "dead")]
    assert {entry.removeprefix("close ") for entry in log[4:]} == names
    assert len(log) == 8


def test_open_that_fails_half_way_closes_what_was_opened():
    """Where the third channel does not open, the first two are closed, the fourth never opened."""
    broker, log, _ = route(two=["open"])
    with pytest.raises(PermanentError, match="two does not open"):
        broker.run()
    assert log[:3] == ["open source", "open one", "open two"]
    assert sorted(log[3:]) == ["close one", "close source"]


@pytest.mark.parametrize("name", ["source", "one", "dead"])
def test_close_that_fails_leaves_nothing_open(name):
    """Where one channel does not close, the others are closed all the same."""
    broker, log, _ = route(**{name: ["close"]})
    with pytest.raises(PermanentError, match=f"{name} does not close"):
        broker.run()
    assert sum(entry.startswith("close") for entry in log) == 4


def test_open_error_is_not_hidden_by_an_error_of_closing():
    """What went wrong first can be seen, even if closing fails as well."""
    broker, _, _ = route(two=["open"], one=["close"])
    with pytest.raises(PermanentError) as raised:
        broker.run()
    errors, error = [], raised.value
    while error is not None:
        errors.append(str(error))
        error = error.__context__
    assert any("two does not open" in text for text in errors)


def test_close_closes_channels_that_were_opened_before():
    """Channels that were provisioned open are closed by a broker that never ran."""
    broker, log, roles = route()
    for role in roles:
        role.open()
    broker.close()
    assert sum(entry.startswith("close") for entry in log) == 4


def test_close_twice_does_nothing():
    """A second close is no error."""
    broker, log, _ = route()
    with broker:
        broker.run()
    broker.close()
    assert len(log) == 8


def test_run_twice_goes_on_where_the_first_run_ended():
    """Within `with`, a broker may run again; each report is that run's alone."""
    sink = Kept(lambda _data, tries: CONFIRMED if tries else LATER)
    source = Given(data(1, 2, 3), ends=False)
    with Broker(consumers=[source], producers=[sink], count=1, retry=AT_ONCE) as broker:
        first = broker.run(max_cycle=1)
        second = broker.run(max_cycle=2)
    assert (first.delivered, second.delivered) == (1, 2)
    assert (first.retries, second.retries) == (1, 2)
    assert sink.values == [1, 2, 3]


def test_run_after_close_says_so():
    """A broker whose channels are closed does not run again: it says to make a new one."""
    broker, _, _ = route()
    broker.run()
    with pytest.raises(ClosedError, match="Make a new one"):
        broker.run()


def test_what_was_not_settled_is_given_back_on_close():
    """Leaving a broker never keeps messages from the next one."""
    from geowatch_core.memory import _driver
    from geowatch_core.memory.consumer import MemoryConsumer
    from geowatch_core.memory.options import MemoryConsumerOptions
    from geowatch_core.message import Message

    topic = _driver.topic("t")
    topic.put([Message(item) for item in data(1, 2)], None)
    consumer = MemoryConsumer(MemoryConsumerOptions(topic="t"), name="t", codec=JSON)
    with Broker(consumers=[consumer], producers=[Kept()]):
        consumer.consume()
        assert topic.ready == 0
    assert topic.ready == 2


def test_every_kind_of_role_is_opened_and_closed():
    """Duplex nodes and stores on either side are opened and closed like any other."""
    log = []
    made = [Source(name="duplex in"), Sink(name="duplex out")]
    stores = [
        type("Kept", (Life, MemoryStore), {})(MemoryStoreOptions(key=key), name=key, codec=JSON)
        for key in ("in", "out")
    ]
    for role in [*made, *stores]:
        role.log = log
    node = Duplex(consumer=made[0], producer=made[1])
    Broker(duplex=[node], stores_in=[stores[0]], stores_out=[stores[1]]).run()
    assert sorted(log) == sorted(
        f"{what} {name}"
        for what in ("open", "close")
        for name in ("duplex in", "duplex out", "in", "out")
    )
