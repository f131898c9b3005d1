"""A broker between memory backends that fail, against a model of thirty lines."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from geowatch_core import Broker
from geowatch_core.errors import BrokerStoppedError, RetryableError
from geowatch_core.filter import where
from geowatch_core.flow.retry import Retry
from geowatch_core.memory import _driver
from geowatch_core.memory.consumer import MemoryConsumer
from geowatch_core.memory.options import MemoryConsumerOptions
from geowatch_core.message import Message
from tests.flow.codec import JSON
from tests.flow.flaky import POINTS, Crash, Faults, FlakyConsumer, FlakyProducer

SINKS = ("first", "second")
ANSWERS = st.sampled_from(["ok", "ok", "ok", "later", "later", "never", "slow", "leak"])


class Model:
    """What was sent, and what that promises."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.disturbed = 0
        self.in_order = True

    def kind(self, item: bytes) -> str:
        """What shall become of a message."""
        if not item.endswith(b"}"):
            return "bad"
        return "weak" if JSON.decode(item)["mag"] < 1 else "good"

    def lost(self, held: Counter[bytes], at: dict[str, list[bytes]]) -> list[bytes]:
        """Messages that the source has let go of, and nobody has."""
        buried = {JSON.decode(letter)["data"].encode() for letter in at["dead"]}
        gone = Counter(self.sent) - held
        return [
            item
            for item in gone
            if self.kind(item) != "weak"
            and item not in buried
            and not (self.kind(item) == "good" and all(item in at[sink] for sink in SINKS))
        ]

    def most(self, item: bytes) -> int:
        """How often a destination may get a message: once, and again for each disturbance."""
        return self.sent.count(item) * (1 + self.disturbed) * (self.kind(item) == "good")


class BrokerMachine(RuleBasedStateMachine):
    """Sends, runs, fails, crashes, restarts; nothing may be lost at any moment."""

    @initialize(deduplicate=st.booleans(), count=st.integers(1, 4), in_flight=st.integers(1, 3))
    def begin(self, deduplicate: bool, count: int, in_flight: int) -> None:
        """A broker of these options, with nothing to do."""
        _driver.clear()
        self.options = {"deduplicate": deduplicate, "count": count, "in_flight": in_flight}
        self.model = Model()
        self.broker: Broker | None = None
        self.other = MemoryConsumer(MemoryConsumerOptions(topic="in"), name="o", codec=JSON).open()
        self.taken: list[Message] = []

    # --- what may happen ------------------------------------------------------------------------

    @rule(items=st.lists(st.tuples(st.integers(0, 30), st.sampled_from("gggwb")), max_size=8))
    def send(self, items: list[tuple[int, str]]) -> None:
        """Messages come: good ones, weak ones for the filter, ones that do not decode."""
        new = [
            b'{"n": %d' % n if kind == "b" else b'{"n": %d, "mag": %d}' % (n, kind == "g")
            for n, kind in items
        ]
        self.model.sent += new
        _driver.topic("in").put([Message(item) for item in new], None)

    @precondition(lambda self: not self.taken)
    @rule(count=st.integers(1, 5))
    def take_by_another(self, count: int) -> None:
        """Another consumer competes for some of them."""
        self.taken = self.other.consume(count, 0)

    @precondition(lambda self: self.taken)
    @rule()
    def nack_by_another(self) -> None:
        """The other consumer gives them back."""
        self.other.nack(self.taken)
        self.taken = []

    @rule(max_cycle=st.integers(0, 3))
    def run_undisturbed(self, max_cycle: int) -> None:
        """A run in which nothing goes wrong settles all that it consumed."""
        self.run(Faults(), max_cycle, dead_letter=True)
        assert self.raised is None
        assert max_cycle or _driver.topic("in").ready == 0

    @rule(answers=st.lists(ANSWERS, max_size=12), dead_letter=st.booleans())
    def run_with_failures(self, answers: list[str], dead_letter: bool) -> None:
        """Destinations, acks and the dead letter fail for some messages, and are slow."""
        self.run(Faults(answers), 0, dead_letter)
        failing = {"never", "leak", "later"} & set(answers)
        assert self.raised is None or failing or not dead_letter
        assert not isinstance(self.raised, Crash)

    @rule(
        point=st.sampled_from(POINTS),
        after=st.integers(0, 4),
        answers=st.lists(ANSWERS, max_size=4),
    )
    def run_and_crash(self, point: str, after: int, answers: list[str]) -> None:
        """The process dies at some call; whoever starts it again knows nothing of before."""
        faults = Faults(answers, point, after)
        self.run(faults, 0, dead_letter=True)
        if faults.crashed:
            self.close()

    @rule()
    def restart(self) -> None:
        """The broker is closed, and a new one made."""
        self.close()

    # --- how it is done -------------------------------------------------------------------------

    def run(self, faults: Faults, max_cycle: int, dead_letter: bool) -> None:
        """Run a broker with these faults; what it raised, and whether it disturbed the flow."""
        if self.broker is None or (self.broker.dead_letter is not None) != dead_letter:
            self.close()
            self.broker = self.made(dead_letter)
        for role in self.broker._roles():
            role.faults = faults
        self.model.in_order &= not faults.answers and not self.taken
        before = len(_driver.topic("in"))
        self.raised: BaseException | None = None
        try:
            self.broker.run(max_cycle)
        except (BrokerStoppedError, RetryableError, Crash, ZeroDivisionError) as error:
            self.raised = error
        report = self.broker.report
        assert report.conserved, report
        if self.raised is None:
            assert report.given_back == 0
        else:
            self.model.disturbed += 1
        if not faults.crashed:
            assert before - len(_driver.topic("in")) == report.consumed - report.given_back

    def made(self, dead_letter: bool) -> Broker:
        """A new broker."""
        return Broker(
            consumers=[FlakyConsumer("in", Faults())],
            producers=[FlakyProducer(sink, Faults()) for sink in SINKS],
            dead_letter=FlakyProducer("dead", Faults()) if dead_letter else None,
            filter=where("mag") >= 1,
            retry=Retry(attempts=3, base=0, cap=0),
            timeout=0,
            **self.options,
        ).__enter__()

    def close(self) -> None:
        """Close the broker, if there is one: the channel takes back what it had not settled."""
        if self.broker is not None:
            self.broker.close()
        self.broker = None

    def at(self) -> dict[str, list[bytes]]:
        """What each destination has."""
        return {name: _held(name) for name in (*SINKS, "dead")}

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        """What the source has let go of is where it belongs."""
        assert self.model.lost(Counter(_held("in")), self.at()) == []

    @invariant()
    def little_is_delivered_twice(self) -> None:
        """Nothing comes twice but for disturbed runs, and nothing weak or bad comes."""
        for sink in SINKS:
            for item, times in Counter(_held(sink)).items():
                assert times <= self.model.most(item), (sink, item)

    @invariant()
    def order_is_kept_as_long_as_nothing_went_wrong(self) -> None:
        """Without failure or competition, a destination has them in the order they were sent."""
        sent = self.model.sent
        if not self.model.in_order or self.model.disturbed or len(set(sent)) < len(sent):
            return
        for sink in SINKS:
            places = list(map(sent.index, _held(sink)))
            assert places == sorted(places)

    def teardown(self) -> None:
        """In the end, undisturbed, everything arrives."""
        if not hasattr(self, "model"):
            return
        self.other.close()
        try:
            self.run(Faults(), 0, dead_letter=True)
            assert (self.raised, len(_driver.topic("in"))) == (None, 0)
            self.nothing_is_lost()
        finally:
            self.close()


def _held(topic: str) -> list[bytes]:
    """Everything a topic holds, the unsettled included."""
    found = _driver.topic(topic)
    with MemoryConsumer(MemoryConsumerOptions(topic=topic), name=topic, codec=JSON) as looking:
        ready = [message.data for message in looking.consume(1_000_000, 0)]
    return ready + [record[1] for record in found._unsettled.values()]


TestBroker = BrokerMachine.TestCase
