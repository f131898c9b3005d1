"""Deduplication: what is the same, for how long, and never at the price of a message."""

import pytest

from geowatch_core import Broker
from geowatch_core.errors import BrokerStoppedError
from geowatch_core.flow.deduplicate import Deduplicate, MemoryWindow
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import NEVER, Given, Kept, data


def delivered(items, deduplicate, **options):
    """What is left of `items`, and the report."""
    sink = Kept()
    broker = Broker(
        consumers=[Given(data(*items))], producers=[sink], deduplicate=deduplicate, **options
    )
    report = broker.run()
    assert report.conserved
    assert report.deduplicated == len(items) - len(sink.got)
    return sink.values


def test_same_bytes_within_a_batch_pass_once():
    """Without a key, the same bytes pass once."""
    assert delivered([1, 2, 1, 1, 3, 2], True) == [1, 2, 3]


def test_same_bytes_across_batches_pass_once():
    """What an earlier batch had does not pass again."""
    assert delivered([1, 2, 1, 3, 3, 2], True, count=1) == [1, 2, 3]


def test_same_key_path_passes_once():
    """With a key path, the value there identifies a message."""
    items = [{"id": "a", "n": 1}, {"id": "b", "n": 1}, {"id": "a", "n": 2}]
    assert delivered(items, Deduplicate(key="id")) == items[:2]


def test_missing_key_is_never_a_duplicate():
    """Messages with nothing, or null, at the key path all pass."""
    items = [{"n": 1}, {"n": 1}, {"id": None}, {"id": None}]
    assert delivered(items, Deduplicate(key="id")) == items


@pytest.mark.parametrize("id_", [1, True, "1", [1], {"a": 1}, [True], 2.5])
def test_key_of_any_type_is_compared_as_json_does(id_):
    """A key of any JSON type is the same as itself, and as none of another type."""
    others = [1, True, "1", [1], {"a": 1}, [True], 2.5]
    others.pop([repr(other) for other in others].index(repr(id_)))
    items = [{"id": each} for each in [*others, id_, id_]]
    assert delivered(items, Deduplicate(key="id")) == items[:-1]


def test_window_forgets_the_oldest():
    """Only as many as the window holds are remembered; older ones pass again."""
    assert delivered([1, 2, 3, 1, 3], Deduplicate(window=2), count=1) == [1, 2, 3, 1]


def test_window_never_grows_past_its_bound():
    """A batch larger than the window leaves it at its bound."""
    window = MemoryWindow(3)
    window.reserve(list(range(100)))
    assert window.reserve([97, 98, 99]) == [False, False, False]
    assert window.reserve([0]) == [True]


def test_given_back_message_passes_when_it_comes_again():
    """An identity of a batch that was given back is released: its redelivery is no duplicate."""
    source, refusing = Given(data(1, 2)), [True]
    sink = Kept(lambda _data, _tries: NEVER if refusing else CONFIRMED)
    with Broker(consumers=[source], producers=[sink], deduplicate=True) as broker:
        with pytest.raises(BrokerStoppedError):
            broker.run()
        refusing.clear()
        report = broker.run()
    assert sink.values == [1, 2]
    assert (report.delivered, report.deduplicated) == (2, 0)


def test_duplicate_of_a_message_that_stops_the_broker_is_not_acked():
    """A duplicate is settled only after the message that it repeats."""
    source = Given(data("bad", "bad", "good"))
    sink = Kept(lambda item, _tries: NEVER if item == b'"bad"' else CONFIRMED)
    with pytest.raises(BrokerStoppedError):
        Broker(consumers=[source], producers=[sink], deduplicate=True, count=1).run()
    assert source.acked == []


def test_filtered_message_is_not_remembered():
    """Deduplication comes after the filters: what they reject takes no room in the window."""
    passing = iter([False, True, True])
    sink = Kept()
    Broker(
        consumers=[Given(data(7, 7, 7))],
        producers=[sink],
        filter=lambda _value: next(passing),
        deduplicate=True,
    ).run()
    assert sink.values == [7]


def test_shared_window_sees_what_another_broker_delivered():
    """Brokers that are given one window deduplicate together."""
    window, sinks = MemoryWindow(10), [Kept(), Kept()]
    for sink in sinks:
        Broker(
            consumers=[Given(data(1, 2))], producers=[sink], deduplicate=True, window=window
        ).run()
    assert [sink.values for sink in sinks] == [[1, 2], []]


def test_pushed_values_are_compared_as_values():
    """Messages made by hand have no bytes yet: equal values are duplicates, and no others are."""
    sink = Kept()
    with Broker(producers=[sink], deduplicate=True) as broker:
        broker.receive_messages([{"a": 1, "b": 2}, {"a": 2}, {"b": 2, "a": 1}])
        broker.receive_messages([{"a": 2}, {"a": 3}])
    assert sink.values == [{"a": 1, "b": 2}, {"a": 2}, {"a": 3}]
