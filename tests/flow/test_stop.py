"""How a run ends when it is told to, or has to."""

import threading
import time

import pytest

from geowatch_core import Broker
from geowatch_core.errors import BrokerStoppedError
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import AT_ONCE, LATER, NEVER, Given, Kept, data, numbers


def started(broker):
    """A thread that runs it, and what comes out of it."""
    out = []

    def run():
        try:
            out.append(broker.run())
        except BaseException as error:
            out.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, out


def test_stop_from_another_thread_ends_an_idle_run():
    """An idle broker stops within a second, whatever its timeout."""
    source = Given(ends=False)
    broker = Broker(consumers=[source], producers=[Kept()], timeout=60)
    thread, out = started(broker)
    while not source.asked:
        time.sleep(0.001)
    before = time.monotonic()
    broker.stop()
    thread.join(5)
    assert time.monotonic() - before < 1
    assert out == [broker.report]


def test_stop_finishes_what_is_in_flight_and_gives_the_rest_back():
    """On a stop, what was handed to a sink is finished and acked, the rest is given back."""
    gate, source = threading.Event(), Given(numbers(100), ends=False)
    sink = Kept(gate=gate)
    broker = Broker(consumers=[source], producers=[sink], count=5)
    thread, _ = started(broker)
    sink.reached.wait(5)
    broker.stop()
    gate.set()
    thread.join(5)
    report = broker.report
    assert source.acked == list(range(len(sink.got)))
    assert sink.got == numbers(100)[: report.delivered]
    assert report.delivered + report.given_back == report.consumed
    assert [message.position for message in source.ready] == list(range(len(sink.got), 100))


@pytest.mark.parametrize("round_", range(10))
def test_given_back_messages_come_again_in_order(round_):
    """A clean stop never puts a later message before an earlier one."""
    source, sink = Given(numbers(200), ends=False), Kept()

    class Stopping(Broker):
        seen = 0

        def process(self, messages):
            self.seen += 1
            if self.seen == 1 + round_ % 3:
                self.stop()

    with Stopping(consumers=[source], producers=[sink], count=7, in_flight=5) as broker:
        for _ in range(3):
            broker.seen = 0
            broker.run()
            assert source.unsettled == {}
            positions = [message.position for message in source.ready]
            assert positions == sorted(positions)
    assert sink.got == numbers(200)[: len(sink.got)]


def test_given_back_after_a_failure_messages_come_again_in_order():
    """What was on its way to a sink comes again before what had only been consumed."""

    class OneByOne(Broker):
        def before_cycle(self):
            """Have cycles follow each other, so that consumed batches wait."""
            while len(source.unsettled) < 20:
                time.sleep(0.001)

    source = Given(numbers(50))
    with pytest.raises(BrokerStoppedError):
        OneByOne(consumers=[source], producers=[Kept(lambda _data, _tries: NEVER)], count=5).run()
    assert [message.position for message in source.ready] == list(range(50))


def test_drain_deadline_gives_back_what_a_hanging_sink_holds():
    """A sink that hangs is not waited for longer than drain_timeout; its messages come again."""
    gate, source = threading.Event(), Given(numbers(20), ends=False)
    sink = Kept(gate=gate)
    broker = Broker(consumers=[source], producers=[sink], count=5, drain_timeout=0.3)
    thread, out = started(broker)
    sink.reached.wait(5)
    before = time.monotonic()
    broker.stop()
    thread.join(10)
    took = time.monotonic() - before
    gate.set()
    assert 0.3 <= took < 3
    assert out == [broker.report]
    assert broker.report.given_back == broker.report.consumed > 0
    assert source.acked == []
    assert [message.position for message in source.ready] == list(range(20))


def test_hanging_sink_gets_nothing_more_once_it_was_given_up():
    """Batches that were given back are not delivered after the hanging call returns at last."""
    gate, source = threading.Event(), Given(numbers(20), ends=False)
    sink = Kept(gate=gate)
    broker = Broker(consumers=[source], producers=[sink], count=5, drain_timeout=0.1)
    thread, _ = started(broker)
    sink.reached.wait(5)
    while len(source.unsettled) < 20:
        time.sleep(0.001)
    broker.stop()
    thread.join(10)
    gate.set()
    time.sleep(0.1)
    assert len(sink.calls) == 1


def test_failure_while_draining_ends_the_drain_at_once():
    """When what is in flight fails for good during the drain, nothing else is waited for."""
    gate, source = threading.Event(), Given(numbers(20), ends=False)
    sink = Kept(lambda _data, _tries: NEVER, gate=gate)
    broker = Broker(consumers=[source], producers=[sink], count=5)
    thread, out = started(broker)
    sink.reached.wait(5)
    broker.stop()
    time.sleep(0.05)
    before = time.monotonic()
    gate.set()
    thread.join(10)
    assert time.monotonic() - before < 3
    assert isinstance(out[0], BrokerStoppedError)
    assert source.unsettled == {}
    assert broker.report.conserved


def test_stop_ends_the_wait_of_a_retry_at_the_drain_deadline():
    """A destination that stays busy is given up when the deadline of the drain has come."""
    sink = Kept(lambda _data, _tries: LATER)
    source = Given(data(1), ends=False)
    broker = Broker(consumers=[source], producers=[sink], drain_timeout=0.2)
    thread, out = started(broker)
    sink.reached.wait(5)
    broker.stop()
    thread.join(5)
    assert out == [broker.report]
    assert (source.nacked, broker.report.given_back) == ([0], 1)


def test_stop_whose_wake_up_was_lost_is_noticed_soon():
    """A signal handler that runs just before the worker begins to wait cannot wake it."""
    gate = threading.Event()
    sink = Kept(gate=gate)
    broker = Broker(consumers=[Given(numbers(50))], producers=[sink], drain_timeout=0.1)
    thread, out = started(broker)
    sink.reached.wait(5)
    broker._flow._stopping = True
    thread.join(5)
    gate.set()
    assert out == [broker.report]


def test_stop_before_run_has_begun_is_no_error():
    """There is nothing to stop, and nothing happens."""
    broker = Broker(consumers=[Given(data(1))], producers=[Kept()])
    broker.stop()
    assert broker.run().delivered == 1


def test_stop_from_own_code_ends_the_run_after_this_cycle():
    """Own code may stop the broker; what it returned is delivered and acked."""

    class Once(Broker):
        def process(self, messages):
            self.stop()

    source, sink = Given(numbers(50)), Kept()
    report = Once(consumers=[source], producers=[sink], count=5).run()
    assert (sink.got, source.acked) == (numbers(5), [0, 1, 2, 3, 4])
    assert report.conserved


def test_sink_that_breaks_its_contract_stops_the_broker():
    """An exception that is none of ours comes out of run, and everything is given back."""

    class Broken(Kept):
        def _deliver(self, messages):
            raise ZeroDivisionError("a bug")

    source = Given(numbers(10))
    broker = Broker(consumers=[source], producers=[Broken()], count=3)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        broker.run()
    assert source.acked == []
    assert [message.position for message in source.ready] == list(range(10))
    assert broker.report.conserved


def test_nothing_is_delivered_after_a_failure_was_noticed():
    """A sink that is behind another one that failed gets no more batches."""
    failed = threading.Event()

    class Slow(Kept):
        def _deliver(self, messages):
            failed.wait(5)
            time.sleep(0.05)
            return super()._deliver(messages)

    def refuse(_data, _tries):
        failed.set()
        return NEVER

    slow = Slow(name="slow")
    broker = Broker(
        consumers=[Given(numbers(40))], producers=[slow, Kept(refuse)], count=2, retry=AT_ONCE
    )
    with pytest.raises(BrokerStoppedError):
        broker.run()
    calls = len(slow.calls)
    time.sleep(0.2)
    assert len(slow.calls) == calls <= 2


def test_source_that_hangs_does_not_keep_the_run_from_ending():
    """A source that ignores its timeout is left behind, and is closed."""
    release = threading.Event()

    class Hanging(Given):
        def _consume(self, count, timeout):
            self.asked.append((count, timeout))
            release.wait(20)
            return []

    source = Hanging(ends=False)
    broker = Broker(consumers=[source], producers=[Kept()], drain_timeout=0.1)
    thread, out = started(broker)
    while not source.asked:
        time.sleep(0.001)
    broker.stop()
    thread.join(10)
    release.set()
    assert out == [broker.report]


def test_confirmed_while_stopping_is_acked():
    """What a sink confirms before the deadline is acked even though the broker is stopping."""
    sink = Kept(lambda _data, tries: CONFIRMED if tries == 3 else LATER)
    source = Given(data(1), ends=False)
    broker = Broker(consumers=[source], producers=[sink], retry=AT_ONCE)
    thread, _ = started(broker)
    sink.reached.wait(5)
    broker.stop()
    thread.join(5)
    assert (source.acked, broker.report.delivered) == ([0], 1)
