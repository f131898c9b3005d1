"""Observers: told in batches, in the caller's thread, and heard when they object."""

import threading

import pytest

from geowatch_core import Broker, where
from geowatch_core.errors import BrokerStoppedError
from geowatch_core.hookspec import hookimpl
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import NEVER, Given, Kept, data, numbers


class Observer:
    """Notes what it is told, and in which thread."""

    def __init__(self):
        self.told = []
        self.threads = set()

    def _note(self, *what):
        self.told.append(what)
        self.threads.add(threading.get_ident())

    @hookimpl
    def geowatch_started(self, broker):
        """Note it."""
        self._note("started", broker.name)

    @hookimpl
    def geowatch_consumed(self, source, messages):
        """Note it."""
        self._note("consumed", source, len(messages))

    @hookimpl
    def geowatch_delivered(self, destination, messages):
        """Note it."""
        self._note("delivered", destination, len(messages))

    @hookimpl
    def geowatch_failed(self, destination, messages, outcomes):
        """Note it."""
        self._note(
            "failed",
            destination,
            [(m.data, type(o)) for m, o in zip(messages, outcomes, strict=True)],
        )

    @hookimpl
    def geowatch_settled(self, source, messages):
        """Note it."""
        self._note("settled", source, len(messages))

    @hookimpl
    def geowatch_stopped(self, report):
        """Note it."""
        self._note("stopped", report.delivered)


def test_observers_are_told_everything_in_batches_in_one_thread():
    """Every hook is called once a batch, in the thread that called run."""
    seen = Observer()
    Broker("b", consumers=[Given(numbers(5))], producers=[Kept()], count=3, plugins=[seen]).run()
    assert seen.threads == {threading.get_ident()}
    assert sorted(seen.told, key=str) == sorted(
        [
            ("started", "b"),
            ("consumed", "given", 3),
            ("consumed", "given", 2),
            ("delivered", "kept", 3),
            ("delivered", "kept", 2),
            ("settled", "given", 3),
            ("settled", "given", 2),
            ("stopped", 5),
        ],
        key=str,
    )
    assert (seen.told[0][0], seen.told[-1][0]) == ("started", "stopped")


def test_observers_hear_of_failures_that_the_dead_letter_took():
    """A destination that refused some messages is reported with them and their errors."""
    seen = Observer()
    sink = Kept(lambda item, _tries: NEVER if item == b"1" else CONFIRMED)
    Broker(
        consumers=[Given(data(0, 1))],
        producers=[sink],
        dead_letter=Kept(name="letters"),
        plugins=[seen],
    ).run()
    assert ("delivered", "kept", 1) in seen.told
    assert ("failed", "kept", [(b"1", type(NEVER))]) in seen.told


def test_observers_hear_of_the_failure_that_stopped_the_broker():
    """The failure that nobody took is reported before the run ends."""
    seen = Observer()
    with pytest.raises(BrokerStoppedError):
        Broker(
            consumers=[Given(data(1))],
            producers=[Kept(lambda _data, _tries: NEVER)],
            plugins=[seen],
        ).run()
    names = [what[0] for what in seen.told]
    assert names == ["started", "consumed", "failed", "stopped"]


def test_idle_cycles_tell_observers_nothing():
    """A cycle without messages is not reported."""
    seen = Observer()
    Broker(consumers=[Given(ends=False)], producers=[Kept()], timeout=0, plugins=[seen]).run(3)
    assert [what[0] for what in seen.told] == ["started", "stopped"]


@pytest.mark.parametrize(
    "hook", ["started", "consumed", "delivered", "settled", "stopped", "failed"]
)
def test_observer_that_raises_stops_the_broker(hook):
    """What an observer raises comes out of run; nothing is lost and the report adds up."""

    def fail(self, broker):
        raise ZeroDivisionError(hook)

    plugin = type("Objecting", (), {f"geowatch_{hook}": hookimpl(fail)})()
    source = Given(numbers(20))
    refused = data({"n": 0})[0]
    sink = Kept(lambda item, _tries: NEVER if item == refused else CONFIRMED)
    broker = Broker(
        consumers=[source],
        producers=[sink],
        dead_letter=Kept(name="letters"),
        count=2,
        plugins=[plugin],
    )
    with pytest.raises(ZeroDivisionError, match=hook):
        broker.run()
    report = broker.report
    assert report.conserved
    assert report.delivered + report.dead_lettered == len(source.acked)
    assert source.unsettled == {}
    assert source.acked + [message.position for message in source.ready] == list(range(20))


def test_observer_that_raises_while_draining_leaves_nothing_behind():
    """An observer that fails during the drain does not keep the rest from being given back."""

    class Objecting:
        @hookimpl
        def geowatch_settled(self, broker):
            broker.stop()
            raise ZeroDivisionError

    source = Given(numbers(40), ends=False)
    broker = Broker(consumers=[source], producers=[Kept()], count=2, plugins=[Objecting()])
    with pytest.raises(ZeroDivisionError):
        broker.run()
    assert source.unsettled == {}
    assert broker.report.conserved


def test_unknown_hook_is_refused():
    """A misspelt hook is found when the broker is made."""

    class Misspelt:
        @hookimpl
        def geowatch_delivred(self):
            """Nothing."""

    with pytest.raises(Exception, match="geowatch_delivred"):
        Broker(plugins=[Misspelt()])


class Doubling:
    """Doubles every number as soon as it is consumed."""

    @hookimpl
    def geowatch_consumed(self, messages):
        """Change them."""
        for message in messages:
            message.value = {"n": 2 * message.value["n"]}


def not_four(value):
    """What the filter asks."""
    return value["n"] != 4


@pytest.mark.parametrize(
    "stages",
    [
        {"filter": where("n") != 4},
        {"filter": not_four},
        {"filter": [where("n") != 5, not_four]},
        {"transform": lambda value: value if not_four(value) else None},
        {"filter": not_four, "transform": dict},
    ],
    ids=["declarative", "function", "declarative and function", "transform", "all"],
)
def test_what_an_observer_changed_goes_on(stages):
    """A value that was changed when it came is the one that the stages see and deliver."""
    sink = Kept()
    Broker(consumers=[Given(numbers(4))], producers=[sink], plugins=[Doubling()], **stages).run()
    assert sink.got == data({"n": 0}, {"n": 2}, {"n": 6})


class DoublingTheFirst:
    """Doubles the number of the first message that comes."""

    @hookimpl
    def geowatch_consumed(self, messages):
        """Change it."""
        messages[0].value = {"n": 2 * messages[0].value["n"]}


@pytest.mark.parametrize("stages", [{}, {"filter": where("n") > 0}, {"filter": not_four}])
def test_what_no_observer_touched_keeps_its_bytes(stages):
    """Beside a changed message, the others arrive as they were written, also behind filters."""
    sink = Kept()
    written = [b'{ "n": 1 }', b'{ "n": 2 }']
    Broker(
        consumers=[Given(written)], producers=[sink], plugins=[DoublingTheFirst()], **stages
    ).run()
    assert sink.got == [*data({"n": 2}), b'{ "n": 2 }']
