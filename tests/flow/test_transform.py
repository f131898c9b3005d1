"""The transform stage."""

import pytest

from geowatch_core import Broker
from geowatch_core.errors import BrokerStoppedError, TransformError
from tests.flow.channel import Given, Kept, data


def doubled(value):
    """Twice the value; none of nothing."""
    return 2 * value or None


def test_transform_replaces_values():
    """What the function returns is delivered in place of what came."""
    sink = Kept()
    Broker(consumers=[Given(data(1, 2))], producers=[sink], transform=doubled).run()
    assert sink.values == [2, 4]


def test_transform_in_place_is_delivered():
    """A function that changes the value it was given and returns it is a transform as well."""

    def mark(value):
        value["seen"] = True
        return value

    sink = Kept()
    Broker(consumers=[Given(data({"n": 1}))], producers=[sink], transform=mark).run()
    assert sink.values == [{"n": 1, "seen": True}]


def test_transform_to_none_leaves_the_message_out():
    """None means that the message is not wanted: it is filtered and acked."""
    source, sink = Given(data(0, 1)), Kept()
    report = Broker(consumers=[source], producers=[sink], transform=doubled).run()
    assert (sink.values, source.acked, report.filtered) == ([2], [0, 1], 1)


def test_raising_transform_goes_to_the_dead_letter_with_the_bytes_that_came():
    """What a raising transform had already changed is not what the dead letter keeps."""

    def break_it(value):
        value["broken"] = True
        raise KeyError("no such place")

    letters = Kept(name="letters")
    report = Broker(
        consumers=[Given(data({"n": 1}))],
        producers=[Kept()],
        transform=break_it,
        dead_letter=letters,
    ).run()
    (letter,) = letters.values
    assert (letter["error"], letter["where"], letter["data"]) == (
        "TransformError",
        "transform",
        '{"n":1}',
    )
    assert "KeyError" in letter["reason"]
    assert (report.dead_lettered, report.conserved) == (1, True)


def test_raising_transform_stops_the_broker_without_dead_letter():
    """Without a dead letter the broker stops with nothing acked."""
    source = Given(data(1, "x", 3))
    broker = Broker(consumers=[source], producers=[Kept()], transform=lambda value: value - 1)
    with pytest.raises(BrokerStoppedError, match="TypeError") as stopped:
        broker.run()
    assert isinstance(stopped.value.__cause__, TransformError)
    assert source.acked == []


def test_value_that_cannot_be_encoded_goes_to_the_dead_letter():
    """What a destination's codec refuses is kept with the bytes that came."""
    letters, sink = Kept(name="letters"), Kept()
    report = Broker(
        consumers=[Given(data(1, 2))],
        producers=[sink],
        transform=lambda value: float("nan") if value == 1 else value,
        dead_letter=letters,
    ).run()
    assert sink.values == [2]
    assert [(letter["error"], letter["data"]) for letter in letters.values] == [
        ("EncodeError", "1")
    ]
    assert report.conserved
