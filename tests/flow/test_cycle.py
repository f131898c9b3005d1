"""How often, how much and how long a broker consumes."""

import time

import pytest

from geowatch_core import Broker
from tests.flow.channel import Given, Kept, data, numbers


def test_count_bounds_every_batch():
    """No batch is larger than count."""
    sizes, source = [], Given(numbers(10))

    class Sizing(Broker):
        def process(self, messages):
            sizes.append(len(messages))

    report = Sizing(consumers=[source], producers=[Kept()], count=4).run()
    assert sizes == [4, 4, 2]
    assert {count for count, _ in source.asked} == {4}
    assert report.cycles == 3


def test_finite_source_ends_the_run():
    """When every source has ended and is acked, run returns."""
    sources = [Given(numbers(3)), Given([])]
    report = Broker(consumers=sources, producers=[Kept()]).run()
    assert report.delivered == 3


def test_endless_source_beside_a_finite_one_goes_on():
    """The run goes on while one source may still bring something."""
    endless = Given(data(1), ends=False)
    broker = Broker(consumers=[Given(data(2)), endless], producers=[Kept()], timeout=0.01)
    report = broker.run(max_cycle=3)
    assert report.delivered == 2
    assert len(endless.asked) >= 3


@pytest.mark.parametrize("max_cycle", [1, 3])
def test_max_cycle_bounds_consumes_of_each_source(max_cycle):
    """Each source is consumed from max_cycle times, the idle one too."""
    busy = Given(numbers(20), name="busy", ends=False)
    idle = Given([], name="idle", ends=False)
    sink = Kept()
    broker = Broker(consumers=[busy, idle], producers=[sink], count=2, timeout=0)
    report = broker.run(max_cycle=max_cycle)
    assert sink.got == numbers(2 * max_cycle)
    assert (len(busy.asked), len(idle.asked)) == (max_cycle, max_cycle)
    assert report.cycles == 2 * max_cycle
    assert report.conserved


def test_timeout_bounds_the_wait_of_an_idle_cycle():
    """A cycle without messages takes timeout seconds, and no more."""
    broker = Broker(consumers=[Given(ends=False)], producers=[Kept()], timeout=0.3)
    started = time.monotonic()
    broker.run(max_cycle=2)
    assert 0.6 <= time.monotonic() - started < 1.5


def test_long_timeout_is_waited_in_slices():
    """No single call waits long, so that a stop is noticed within a second."""
    source = Given(ends=False)
    Broker(consumers=[source], producers=[Kept()], timeout=1.2).run(max_cycle=1)
    assert max(timeout for _, timeout in source.asked) <= 1


def test_sleep_period_passes_between_cycles():
    """The source rests for sleep_period between two cycles."""
    broker = Broker(consumers=[Given(numbers(3))], producers=[Kept()], count=1, sleep_period=0.2)
    started = time.monotonic()
    broker.run(max_cycle=3)
    assert 0.4 <= time.monotonic() - started < 1.5


def test_sleep_period_does_not_delay_a_stop():
    """A broker that sleeps between cycles stops at once."""

    class Once(Broker):
        def after_cycle(self, messages):
            self.stop()

    broker = Once(consumers=[Given(data(1), ends=False)], producers=[Kept()], sleep_period=60)
    started = time.monotonic()
    broker.run()
    assert time.monotonic() - started < 2


def test_broker_without_a_source_cycles_by_itself():
    """Without a source, cycles come every timeout seconds and process may create messages."""
    cycles = []

    class Clock(Broker):
        def process(self, messages):
            cycles.append(list(messages))

    Clock(producers=[Kept()], timeout=0.01).run(max_cycle=3)
    assert cycles == [[], [], []]


def test_verbose_logs_every_cycle(caplog):
    """With verbose, each cycle is logged with what became of the messages so far."""
    caplog.set_level("INFO", "geowatch_core.broker")
    broker = Broker(
        "loud", consumers=[Given(numbers(3))], producers=[Kept()], count=2, verbose=True
    )
    broker.run()
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(" = ")[0] for text in said][-1] == "loud: 3 consumed"
    assert len(said) == 2
