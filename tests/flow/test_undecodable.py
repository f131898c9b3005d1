"""A message that does not decode never blocks the others, and is never skipped."""

import pytest

from geowatch_core import Broker
from geowatch_core.errors import BrokerStoppedError, DecodeError
from geowatch_core.filter import where
from tests.flow.channel import Given, Kept, data
from tests.flow.codec import JSON, SPACED

ITEMS = [b'{"n":1}', b'{"n":', b'{"n":3}']


@pytest.mark.parametrize("codec", [JSON, SPACED])
@pytest.mark.parametrize("options", [{}, {"filter": where("n") > 0}, {"transform": dict}])
def test_undecodable_goes_to_the_dead_letter_on_every_route(codec, options):
    """Whether or not anybody needs its value, a bad message is found and the good ones go on."""
    sink, letters, source = Kept(codec=codec), Kept(name="letters"), Given(ITEMS)
    report = Broker(consumers=[source], producers=[sink], dead_letter=letters, **options).run()
    assert sink.values == [{"n": 1}, {"n": 3}]
    (letter,) = letters.values
    assert (letter["error"], letter["where"], letter["position"], letter["data"]) == (
        "DecodeError",
        "decode",
        1,
        '{"n":',
    )
    assert source.acked == [0, 1, 2]
    assert report.conserved


def test_undecodable_stops_the_broker_without_dead_letter():
    """Without a dead letter the broker stops, says where the message is, and acks nothing."""
    source = Given(ITEMS, name="quakes")
    broker = Broker(consumers=[source], producers=[Kept()])
    with pytest.raises(BrokerStoppedError, match="quakes at position 1: decode") as stopped:
        broker.run()
    assert isinstance(stopped.value.__cause__, DecodeError)
    assert (source.acked, source.nacked) == ([], [0, 1, 2])
    assert broker.report.conserved


def test_batches_before_the_undecodable_one_stay_acked():
    """Earlier batches stay settled; only from the bad batch on messages come again."""
    source = Given([*data(1, 2, 3, 4), b"bad", *data(6)])
    with pytest.raises(BrokerStoppedError):
        Broker(consumers=[source], producers=[Kept()], count=2, in_flight=1).run()
    assert source.acked == [0, 1, 2, 3]
    assert [message.position for message in source.ready] == [4, 5]


def test_undecodable_at_the_end_of_a_run_of_the_decoder():
    """Bad messages at every edge of a long batch are found, each by its position."""
    items = data(*range(1000))
    bad = [0, 99, 100, 499, 500, 999]
    for at in bad:
        items[at] = b"{"
    sink, letters = Kept(), Kept(name="letters")
    Broker(consumers=[Given(items)], producers=[sink], dead_letter=letters).run()
    assert [letter["position"] for letter in letters.values] == bad
    assert sink.values == [n for n in range(1000) if n not in bad]
