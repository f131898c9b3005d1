"""The filter stage: what goes on, and what filters that raise do."""

import pytest

from geowatch_core import Broker
from geowatch_core.errors import BrokerStoppedError, FilterError
from geowatch_core.filter import where
from geowatch_core.message import Message
from tests.flow.channel import Given, Kept, data


def passed(items, **options):
    """What of `items` was delivered; the source is acked for all of them."""
    sink, source = Kept(), Given(items)
    report = Broker(consumers=[source], producers=[sink], **options).run()
    assert source.acked == list(range(len(items)))
    assert report.conserved
    assert report.filtered == len(items) - len(sink.got)
    return sink.values


def test_declarative_filter_leaves_messages_untouched():
    """What a declarative filter keeps is delivered with its bytes as they came."""
    items = [b'{"n":1}', b'{ "n" : 5 }', b'{"n": 9.0}']
    sink = Kept()
    Broker(consumers=[Given(items)], producers=[sink], filter=where("n") >= 5).run()
    assert sink.got == items[1:]


def test_a_function_that_filters_leaves_messages_as_they_came():
    """A filter only looks: bytes arrive as they came, also if it changed the value it was given."""
    items = [b'{ "n" : 5 }', b'{"n": 9.0}']
    sink = Kept()
    Broker(consumers=[Given(items)], producers=[sink], filter=lambda v: v.pop("n")).run()
    assert sink.got == items


def test_filters_of_a_list_must_all_be_met():
    """Declarative filters and functions may be mixed; a message meets all of them or stays."""
    items = data(*({"n": n} for n in range(10)))
    even = [where("n") >= 3, lambda value: value["n"] % 2 == 0, where("n") < 8]
    assert passed(items, filter=even) == [{"n": 4}, {"n": 6}]


def test_function_sees_only_what_declarative_filters_kept():
    """The cheap filters come first."""
    seen = []
    passed(data(*({"n": n} for n in range(5))), filter=[seen.append, where("n") == 3])
    assert seen == [{"n": 3}]


def test_raising_filter_goes_to_the_dead_letter_alone():
    """A filter that raises on one message fails that message, and the others go on."""
    sink, letters = Kept(), Kept(name="letters")
    report = Broker(
        consumers=[Given(data(1, 0, 2))],
        producers=[sink],
        filter=lambda value: 1 / value > 0,
        dead_letter=letters,
    ).run()
    assert sink.values == [1, 2]
    assert [(letter["error"], letter["data"]) for letter in letters.values] == [
        ("FilterError", "0")
    ]
    assert report.conserved


def test_raising_filter_stops_the_broker_without_dead_letter():
    """Without a dead letter the broker stops, names the cause, and acks nothing."""
    source = Given(data(1, 0, 2))
    broker = Broker(consumers=[source], producers=[Kept()], filter=lambda value: 1 / value > 0)
    with pytest.raises(BrokerStoppedError, match="ZeroDivisionError") as stopped:
        broker.run()
    assert isinstance(stopped.value.__cause__, FilterError)
    assert isinstance(stopped.value.__cause__.__cause__, ZeroDivisionError)
    assert source.acked == []
    assert broker.report.given_back == 3


LAYERED = [
    Message(data={"n": 0}, headers=(("layer", b"roads"),)),
    Message(data={"n": 1}, headers=(("layer", b"rails"),)),
    Message(data={"n": 2, "metadata": {"layer": "roads"}}),
    Message(data={"n": 3, "metadata": {"layer": "rails"}}),
    Message(data={"n": 4, "metadata": {"layer": "roads"}}, headers=(("layer", b"rails"),)),
    Message(data={"n": 5}),
    Message(data=[6]),
    Message(data={"n": 7, "metadata": {"layer": ["roads"]}}),
]


def layered():
    """Messages with a layer in a header, in ``metadata``, in both, in neither."""
    return [Message(data(message.data)[0], headers=message.headers) for message in LAYERED]


def test_metadata_of_header_or_member_lets_through():
    """A header of that name decides; without one, the metadata member of the value does."""
    kept = passed(layered(), filter_metadata={"layer": ["roads"]})
    assert [value["n"] for value in kept] == [0, 2]


def test_metadata_takes_any_of_several_values():
    """Any of the values that are named is let through."""
    kept = passed(layered(), filter_metadata={"layer": ["roads", "rails"]})
    assert [value["n"] for value in kept] == [0, 1, 2, 3, 4]


def test_metadata_needs_every_name():
    """Every name must have one of its values."""
    assert passed(layered(), filter_metadata={"layer": ["roads"], "region": ["north"]}) == []


def test_metadata_does_not_touch():
    """Looking at metadata leaves the bytes of a message as they came."""
    item = b'{ "metadata" : { "layer" : "roads" } }'
    sink = Kept()
    Broker(consumers=[Given([item])], producers=[sink], filter_metadata={"layer": ["roads"]}).run()
    assert sink.got == [item]


def test_last_one_of_each_batch_is_delivered():
    """With filter_last_one, each batch delivers its last message only."""
    assert passed(data(*range(7)), filter_last_one=True, count=3) == [2, 5, 6]


def test_last_one_is_the_last_that_passed_the_filters():
    """What the filters rejected is not the last one."""
    kept = passed(data(*range(7)), filter_last_one=True, filter=lambda value: value < 5)
    assert kept == [4]
