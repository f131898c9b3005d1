"""Consuming, working and delivering overlap, within bounds."""

import threading
import time

import pytest

from geowatch_core import CONFIRMED, Broker
from tests.flow.channel import NEVER, Given, Kept, numbers


@pytest.mark.parametrize("in_flight", [1, 3])
def test_slow_sink_pushes_back(in_flight):
    """While a sink is busy, no more than count x in_flight messages of a source are unsettled."""
    gate, source = threading.Event(), Given(numbers(200))
    sink = Kept(gate=gate)
    broker = Broker(consumers=[source], producers=[sink], count=5, in_flight=in_flight)
    thread = threading.Thread(target=broker.run)
    thread.start()
    assert sink.reached.wait(5)
    time.sleep(0.1)  # the reader would run on now, if nothing held it back
    held = len(source.unsettled)
    gate.set()
    thread.join(10)
    assert held == 5 * in_flight == source.most_unsettled
    assert sink.got == numbers(200)


def test_consuming_goes_on_while_delivering():
    """The next batches are consumed and worked on while a sink is still busy with the first."""
    gate, worked = threading.Event(), threading.Event()

    class Working(Broker):
        batches = 0

        def process(self, messages):
            self.batches += 1
            if self.batches == 3:
                worked.set()

    sink = Kept(gate=gate)
    broker = Working(consumers=[Given(numbers(30))], producers=[sink], count=10)
    thread = threading.Thread(target=broker.run)
    thread.start()
    assert worked.wait(5)
    assert sink.calls == []
    gate.set()
    thread.join(10)


def test_destinations_are_delivered_to_at_once():
    """Two sinks that each wait for the other to be called both get their messages."""
    meeting = threading.Barrier(2, timeout=5)

    class Meeting(Kept):
        def _deliver(self, messages):
            meeting.wait()
            return super()._deliver(messages)

    report = Broker(
        consumers=[Given(numbers(3))], producers=[Meeting(name="a"), Meeting(name="b")]
    ).run()
    assert report.delivered == 3


def test_slow_destination_does_not_hold_the_order_of_acks_back():
    """Batches are acked in the order in which they were consumed, whichever is delivered first."""
    slow = Kept(name="slow", gate=threading.Event())
    source, quick = Given(numbers(12)), Kept(name="quick")
    broker = Broker(consumers=[source], producers=[slow, quick], count=3)
    thread = threading.Thread(target=broker.run)
    thread.start()
    while len(quick.got) < 12:
        time.sleep(0.001)
    assert source.acked == []
    slow._gate.set()
    thread.join(10)
    assert source.acked == list(range(12))


def test_settled_batches_are_let_go_of():
    """Nothing of a settled batch is kept: a long run holds no more than a short one."""
    import gc
    import weakref

    alive = weakref.WeakSet()

    class Watching(Broker):
        def new_batch(self, source, messages):
            batch = super().new_batch(source, messages)
            alive.add(batch)
            return batch

    with Watching(consumers=[Given(numbers(500))], producers=[Kept()], count=5) as broker:
        broker.run()
        gc.collect()
        assert len(alive) == 0


def test_what_waits_for_a_producer_goes_out_together():
    """Batches that wait for a call share the next one, and one bad message fails only itself."""
    gate, source, dead = threading.Event(), Given(numbers(30)), Kept(name="dead")
    bad = numbers(30)[17]
    sink = Kept(lambda item, _: NEVER if item == bad else CONFIRMED, gate=gate)
    worked = threading.Event()

    class Working(Broker):
        worked = 0

        def process(self, messages):
            self.worked += 1
            if self.worked == 4:  # then the second and the third are in line
                worked.set()

    broker = Working(consumers=[source], producers=[sink], dead_letter=dead, count=5)
    thread = threading.Thread(target=broker.run)
    thread.start()
    assert sink.reached.wait(30)
    assert worked.wait(30)
    gate.set()
    thread.join(30)
    assert sum(map(len, sink.calls)) == 30
    assert max(map(len, sink.calls)) >= 10
    assert len(dead.got) == 1
    assert source.acked == list(range(30))
