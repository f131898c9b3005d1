"""Pushing messages in by hand."""

import pytest

from geowatch_core import Broker, Message
from geowatch_core.errors import BrokerStoppedError
from geowatch_core.filter import where
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import AT_ONCE, LATER, NEVER, Given, Kept, data


def test_values_are_delivered_through_every_stage():
    """Values go through filter, dedupe, transform and process, and what was delivered returns."""

    class Tagging(Broker):
        def process(self, messages):
            return [*messages, Message.of("end")]

    sink = Kept()
    broker = Tagging(
        producers=[sink],
        filter=where("n") > 1,
        deduplicate=Deduplicate(key="n"),
        transform=lambda value: value | {"seen": True},
    )
    delivered = broker.receive_messages([{"n": 1}, {"n": 2}, {"n": 2}])
    assert sink.values == [{"n": 2, "seen": True}, "end"]
    assert [message.value for message in delivered] == sink.values
    assert broker.report.conserved
    assert (broker.report.filtered, broker.report.deduplicated) == (1, 1)


def test_one_message_keeps_key_and_headers():
    """A message that is pushed in keeps all that it carries."""
    sink = Kept()
    with Broker(producers=[sink]) as broker:
        broker.receive_message(Message.of(1, key=b"k", headers=(("h", b"v"),), time=5.0))
        broker.receive_message(2)
    assert sink.values == [1, 2]
    assert (sink.messages[0].key, sink.messages[0].headers, sink.messages[0].time) == (
        b"k",
        (("h", b"v"),),
        5.0,
    )


def test_refused_message_raises():
    """What a destination refuses raises when there is no dead letter, and counts as given back."""
    with Broker(producers=[Kept(lambda _data, _tries: NEVER)]) as broker:
        with pytest.raises(BrokerStoppedError, match="made by hand"):
            broker.receive_message(1)
        assert broker.report.given_back == 1
        assert broker.report.conserved


def test_refused_message_goes_to_the_dead_letter_whole():
    """The dead letter of a message that never had bytes holds what was refused."""
    letters = Kept(name="letters")
    with Broker(producers=[Kept(lambda _data, _tries: NEVER)], dead_letter=letters) as broker:
        broker.receive_message({"n": 1})
    (letter,) = letters.values
    assert (letter["data"], letter["source"], letter["position"]) == ('{"n":1}', None, None)


def test_busy_destination_is_retried_after_a_run_too():
    """A run that has ended does not keep a later message from being retried."""
    sink = Kept(lambda _data, tries: CONFIRMED if tries else LATER)
    with Broker(consumers=[Given(data(1))], producers=[sink], retry=AT_ONCE) as broker:
        broker.run()
        broker.receive_message(2)
    assert sink.values == [1, 2]


def test_consumed_message_that_does_not_decode_is_refused():
    """A message that somebody consumed elsewhere is checked as if it had been consumed here."""
    letters, sink = Kept(name="letters"), Kept()
    with (
        Given([b"not json", b"1"]) as source,
        Broker(producers=[sink], dead_letter=letters) as broker,
    ):
        broker.receive_messages(source.consume())
    assert sink.got == [b"1"]
    assert [letter["error"] for letter in letters.values] == ["DecodeError"]


def test_consumed_message_comes_back_with_the_value_that_was_delivered():
    """What is returned shows what every destination got, whoever consumed it first."""
    sink = Kept()
    with Given(data(1)) as source, Broker(producers=[sink], transform=lambda v: -v) as broker:
        delivered = broker.receive_messages(source.consume())
    assert [message.value for message in delivered] == sink.values == [-1]
