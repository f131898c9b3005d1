"""Which source's messages reach which destination."""

import pytest

from geowatch_core import Broker, Duplex
from geowatch_core.capabilities import Capabilities
from geowatch_core.errors import BrokerStoppedError, ConfigurationError
from geowatch_core.memory.options import MemoryStoreOptions
from geowatch_core.memory.store import MemoryStore
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import NEVER, Given, Kept, data, numbers
from tests.flow.codec import JSON


def store(key: str, **options: object) -> MemoryStore:
    """A document in memory."""
    return MemoryStore(MemoryStoreOptions(key=key, **options), name=key, codec=JSON)


class Forgetful(Kept):
    capabilities = Capabilities(durable=False)


def test_every_source_reaches_every_destination():
    """What any source brings is delivered to every producer."""
    sinks = [Kept(name="one"), Kept(name="two")]
    sources = [Given(data(1, 2), name="low"), Given(data(30, 40), name="high")]
    report = Broker(consumers=sources, producers=sinks).run()
    assert [sorted(sink.values) for sink in sinks] == [[1, 2, 30, 40]] * 2
    assert report.destinations == {"one": 4, "two": 4}
    assert [source.acked for source in sources] == [[0, 1], [0, 1]]


def test_order_of_a_source_is_kept():
    """A destination gets the messages of a source in the order in which they came."""
    sink = Kept()
    Broker(consumers=[Given(numbers(1000))], producers=[sink], count=7).run()
    assert sink.got == numbers(1000)


def test_duplex_node_never_hears_itself():
    """What a duplex node brought goes to every other destination, not back to it."""
    one, two, log = Kept(name="one"), Kept(name="two"), Kept(name="log")
    nodes = [
        Duplex(consumer=Given(data("from one")), producer=one),
        Duplex(consumer=Given(data("from two")), producer=two),
    ]
    Broker(duplex=nodes, producers=[log]).run()
    assert (one.values, two.values) == (["from two"], ["from one"])
    assert sorted(log.values) == ["from one", "from two"]


def test_duplex_node_alone_is_acked():
    """A duplex node that nobody else listens to is consumed and acked, and hears nothing."""
    sink, source = Kept(), Given(data(1))
    Broker(duplex=[Duplex(consumer=source, producer=sink)]).run()
    assert (sink.got, source.acked) == ([], [0])


def test_store_is_read_once_as_a_source_that_ends():
    """A store on the way in gives each of its items once, and then the run ends."""
    with store("in") as before:
        before.write([Message.of({"n": n}) for n in range(5)])
    sink = Kept()
    report = Broker(stores_in=[store("in")], producers=[sink], count=2).run()
    assert sink.got == numbers(5)
    assert report.consumed == 5


def test_store_on_the_way_in_brings_again_what_was_given_back():
    """What of a store could not be delivered comes first in the next run, and nothing is missed."""
    with store("in") as before:
        before.write([Message.of({"n": n}) for n in range(10)])
    refused = [numbers(4)[3]]
    sink = Kept(lambda item, _tries: NEVER if item in refused else CONFIRMED)
    with Broker(stores_in=[store("in")], producers=[sink], count=2, in_flight=1) as broker:
        with pytest.raises(BrokerStoppedError):
            broker.run()
        refused.clear()
        broker.run()
    assert sink.got == [*numbers(3), *numbers(10)[2:]]


def test_store_on_the_way_out_holds_the_batch():
    """A store on the way out holds the last batch as one document, and the source is acked."""
    source = Given(numbers(4))
    Broker(consumers=[source], stores_out=[store("out")]).run()
    with store("out") as after:
        assert [message.value for message in after.read()] == [{"n": n} for n in range(4)]
    assert source.acked == [0, 1, 2, 3]


def test_no_destination_acks_what_was_worked_on():
    """Without a destination, a message is done when the broker's own code has seen it."""
    seen = []

    class Looking(Broker):
        def process(self, messages):
            seen.extend(message.value for message in messages)

    source = Given(data(1, 2))
    report = Looking(consumers=[source]).run()
    assert (seen, source.acked) == ([1, 2], [0, 1])
    assert report.delivered == 2
    assert report.conserved


def test_same_names_are_told_apart_in_the_report():
    """Two destinations of one name are counted as two."""
    report = Broker(consumers=[Given(data(1))], producers=[Kept(), Kept()]).run()
    assert report.destinations == {"kept": 1, "kept#2": 1}


def test_only_forgetful_destinations_are_refused():
    """A broker none of whose destinations keeps what it confirmed is refused by name."""
    with pytest.raises(ConfigurationError, match=r"cache.*best_effort=True"):
        Broker(producers=[Forgetful(name="cache")])


def test_best_effort_allows_forgetful_destinations():
    """With best_effort, destinations that may forget are taken."""
    sink = Forgetful()
    Broker(consumers=[Given(data(1))], producers=[sink], best_effort=True).run()
    assert sink.values == [1]


def test_forgetful_destination_beside_one_that_keeps_is_allowed():
    """One destination that keeps is enough."""
    Broker(producers=[Forgetful(name="cache"), Kept(name="log")]).close()


def test_forgetful_dead_letter_is_refused():
    """A dead letter that may forget would lose what nobody else took."""
    with pytest.raises(ConfigurationError, match="cache"):
        Broker(producers=[Kept()], dead_letter=Forgetful(name="cache"))


def test_duplex_whose_only_listener_forgets_is_refused():
    """A node that keeps is no destination of its own messages: a cache alone would lose them."""
    node = Duplex(consumer=Given(), producer=Kept(name="node"))
    with pytest.raises(ConfigurationError, match="cache"):
        Broker(duplex=[node], producers=[Forgetful(name="cache")])


@pytest.mark.parametrize("wrong", [{"count": 0}, {"in_flight": 0}])
def test_option_that_could_never_consume_is_refused(wrong):
    """No room for a single message is a mistake, not a broker that waits for ever."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))}.*at least 1"):
        Broker(**wrong)
