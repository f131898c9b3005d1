"""before_cycle and after_cycle: one cycle at a time, in the caller's thread."""

import threading

import pytest

from geowatch_core import Broker
from tests.flow.channel import Given, Kept, data, numbers


class Noting(Broker):
    """Notes what is called, with what, and in which thread."""

    def __init__(self, **options):
        super().__init__(**options)
        self.calls = []
        self.threads = set()

    def _note(self, name, messages=()):
        self.calls.append((name, [message.value for message in messages]))
        self.threads.add(threading.get_ident())

    def before_cycle(self):
        """Note it."""
        self._note("before")

    def process(self, messages):
        """Note it."""
        self._note("process", messages)

    def after_cycle(self, messages):
        """Note it."""
        self._note("after", messages)


def test_cycles_do_not_interleave_where_their_methods_are_overridden():
    """Each cycle ends with after_cycle before the next begins with before_cycle."""
    broker = Noting(consumers=[Given(numbers(20)), Given(numbers(20))], producers=[Kept()], count=3)
    broker.run()
    names = [name for name, _ in broker.calls]
    assert names == ["before", "process", "after"] * (len(names) // 3)
    assert len(names) == 3 * 14


def test_own_code_runs_in_the_thread_that_called_run():
    """Filters, transforms and the cycle methods need no locks: they run in one thread."""
    threads = set()

    def here(value):
        threads.add(threading.get_ident())
        return value

    broker = Noting(
        consumers=[Given(data(1, 2))], producers=[Kept()], count=1, filter=here, transform=here
    )
    broker.run()
    assert threads | broker.threads == {threading.get_ident()}


def test_after_cycle_gets_what_was_delivered():
    """after_cycle is given what every destination confirmed, and the source is acked by then."""
    source, acked = Given(data(1, 2, 3)), []

    class After(Broker):
        def after_cycle(self, messages):
            acked.append(([m.value for m in messages], list(source.acked)))

    After(consumers=[source], producers=[Kept()], count=2, filter=lambda v: v != 1).run()
    assert acked == [([2], [0, 1]), ([3], [0, 1, 2])]


def test_empty_cycle_calls_all_three():
    """A cycle without messages calls them too, with nothing."""
    broker = Noting(consumers=[Given(ends=False)], producers=[Kept()], timeout=0)
    broker.run(max_cycle=1)
    assert broker.calls == [("before", []), ("process", []), ("after", [])]


@pytest.mark.parametrize("method", ["before_cycle", "after_cycle"])
def test_raising_cycle_method_stops_the_broker(method):
    """What a cycle method raises comes out of run, and the report adds up."""

    def fail(self, *_):
        raise ZeroDivisionError("mine")

    source = Given(numbers(10))
    broker = type("Own", (Broker,), {method: fail})(consumers=[source], producers=[Kept()], count=2)
    with pytest.raises(ZeroDivisionError, match="mine"):
        broker.run()
    assert broker.report.conserved
    assert broker.report.delivered == len(source.acked) == (2 if method == "after_cycle" else 0)
    assert not source.unsettled
