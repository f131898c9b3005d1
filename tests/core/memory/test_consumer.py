"""What a consumer brings of a topic in memory, how much at once, and when."""

import gc
import threading
import time
from collections import Counter
from typing import Any

import pytest

from geowatch_core import (
    CONFIRMED,
    Message,
    Order,
    RetryableError,
    Settlement,
)
from geowatch_core.memory import _driver
from geowatch_core.memory.options import (
    MemoryProducerOptions,
)
from geowatch_core.memory.producer import MemoryProducer
from tests.core.memory.topic import brought, consumer, put
from tests.core.sample import TEXT, data


def test_messages_come_in_order_with_all_they_carry() -> None:
    """Key, headers and event time arrive as they were sent."""
    sent = Message(b"a", b"k", (("h", b"1"),), 2.5)
    with MemoryProducer(MemoryProducerOptions(topic="t"), name="out", codec=TEXT) as producer:
        assert producer.deliver([sent, Message.of("b")]) == [CONFIRMED, CONFIRMED]
    with consumer() as source:
        one, two = source.consume()
    assert (one.data, one.key, one.headers, one.time) == (b"a", b"k", (("h", b"1"),), 2.5)
    assert (two.data, two.key, two.headers, two.time) == (b"b", None, (), None)


def test_topics_are_shared_by_name_and_prefix() -> None:
    """The same full name is the same topic; another name or prefix is another."""
    put("a", topic="x-t")
    with consumer("t") as other, consumer("t", topic_prefix="x-") as same:
        assert brought(other) == []
        assert brought(same) == [b"a"]


@pytest.mark.parametrize(("sent", "kept"), [(2, 2), (3, 3), (4, 3)])
def test_a_topic_holds_no_more_than_its_capacity(sent: int, kept: int) -> None:
    """One below the bound, at it, and one above: the rest may be tried again."""
    outcomes = put(*map(str, range(sent)), capacity=3)
    assert outcomes[:kept] == [CONFIRMED] * kept
    for outcome in outcomes[kept:]:
        assert isinstance(outcome, RetryableError)
        assert "The topic of out is full (got 3)" in str(outcome)
    with consumer() as source:
        assert brought(source) == [b"0", b"1", b"2"][:kept]


def test_unsettled_messages_take_up_capacity_until_they_are_acked() -> None:
    """What was only consumed may come back, so its place stays taken."""
    put("a", "b", capacity=2)
    with consumer() as source:
        consumed = source.consume()
        assert put("c", capacity=2) != [CONFIRMED]
        source.ack(consumed)
        assert put("c", capacity=2) == [CONFIRMED]


@pytest.mark.parametrize(("already", "more"), [(0, 3), (1, 2), (2, 1), (3, 0)])
def test_max_unsettled_holds_back_and_resumes(already: int, more: int) -> None:
    """No more than the bound is out at a time; each settlement makes room for as many."""
    put("a", "b", "c", "d", "e")
    with consumer(max_unsettled=3) as source:
        first = source.consume(already, 0) if already else []
        assert len(first) == already
        assert len(brought(source)) == more
        assert brought(source) == []
        source.ack(first)
        assert len(brought(source)) == min(already, 2)


def test_a_consumer_that_was_held_back_goes_on_when_another_thread_settles() -> None:
    """The wait for room ends with the settlement, not with the timeout."""
    put("a", "b")
    with consumer(max_unsettled=1) as source:
        first = source.consume()
        settler = threading.Timer(0.05, source.ack, [first])
        settler.start()
        started = time.monotonic()
        assert data(source.consume(1, 30)) == [b"b"]
        assert time.monotonic() - started < 10
        settler.join()


def test_consume_waits_no_longer_than_its_timeout() -> None:
    """An empty topic gives an empty list after the timeout, and not before."""
    with consumer() as source:
        started = time.monotonic()
        assert source.consume(1, 0.1) == []
        assert 0.1 <= time.monotonic() - started < 5


def test_consume_returns_with_the_first_message() -> None:
    """It does not wait for a full batch."""
    with consumer() as source:
        sender = threading.Timer(0.05, put, ["a"])
        sender.start()
        started = time.monotonic()
        assert data(source.consume(100, 30)) == [b"a"]
        assert time.monotonic() - started < 10
        sender.join()


def test_a_consumer_that_waits_returns_soon_after_close() -> None:
    """Another thread's close ends the wait within a second, with nothing consumed."""
    source = consumer()
    returned: list[Any] = []

    def wait() -> None:
        returned.append(source.consume(1, 60))
        returned.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    closed = time.monotonic()
    source.close()
    thread.join(10)
    assert returned[0] == []
    assert returned[1] - closed <= 1


def test_closing_gives_back_what_was_not_settled() -> None:
    """The next consumer begins with it, in the old order, before what nobody had yet."""
    put("a", "b", "c")
    source = consumer()
    a, _ = source.consume(2)
    source.ack([a])
    source.close()
    with consumer() as source:
        assert brought(source) == [b"b", b"c"]


def test_what_was_consumed_while_closing_is_given_back_too() -> None:
    """Whichever comes first, the delivery or the close: nothing stays out for ever."""
    for _ in range(200):
        put("a")
        source = consumer()
        closer = threading.Thread(target=source.close)
        closer.start()
        try:
            source.consume(1, 0)
        except Exception as error:
            assert type(error).__name__ == "ClosedError"  # noqa: PT017 - either may come first
        closer.join()
        assert _driver.topic("t").ready == 1
        with consumer() as source:
            source.ack(source.consume(1, 0))


def test_a_delivery_is_known_to_its_consumer_before_anybody_can_close_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A close in the moment after the delivery gives it back: the worst case, made to happen."""
    put("a")
    source = consumer()
    topic = _driver.topic("t")
    real = topic.take

    def take_then_close(*arguments: Any) -> list[Message]:
        taken = real(*arguments)
        source.close()
        return taken

    monkeypatch.setattr(topic, "take", take_then_close)
    source.consume(1, 0)
    assert topic.ready == 1


def test_competing_consumers_get_each_message_once() -> None:
    """Eight threads share 4,000 messages: none is lost, none is consumed twice."""
    put(*map(str, range(4_000)))
    got: list[list[bytes]] = [[] for _ in range(8)]

    def compete(mine: list[bytes]) -> None:
        with consumer(until_empty=True) as source:
            while not source.exhausted:
                some = source.consume(7, 0)
                mine += data(some)
                source.ack(some)

    threads = [threading.Thread(target=compete, args=[mine]) for mine in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    counted = Counter(int(item) for mine in got for item in mine)
    assert counted == Counter(range(4_000))
    assert all(mine == sorted(mine, key=int) for mine in got)
    assert len(_driver.topic("t")) == 0


def test_an_endless_consumer_is_not_exhausted_and_a_finite_one_is() -> None:
    """With until_empty the end of the topic is the end; without, more may come."""
    put("a")
    with consumer() as endless, consumer(until_empty=True) as finite:
        assert not finite.exhausted
        started = time.monotonic()
        assert data(finite.consume(10, 30)) == [b"a"]
        assert finite.consume(10, 30) == []
        assert time.monotonic() - started < 10
        assert finite.exhausted
        assert not endless.exhausted


def test_a_finite_consumer_that_is_held_back_waits_for_room() -> None:
    """It is not at the end, so it does not come back at once again and again."""
    put("a", "b")
    with consumer(until_empty=True, max_unsettled=1) as source:
        assert brought(source) == [b"a"]
        started = time.monotonic()
        assert source.consume(1, 0.1) == []
        assert time.monotonic() - started >= 0.1


def test_the_capabilities_say_what_is_so() -> None:
    """Each message settles by itself, in order; nothing outlives the process."""
    with consumer() as source:
        capabilities = source.capabilities
    assert capabilities.settles is Settlement.EACH
    assert capabilities.order is Order.ALL
    assert not capabilities.persistent
    assert capabilities.durable


def test_the_capabilities_of_a_consumer_follow_its_options() -> None:
    """When it is made, it says what it was told about redelivery and what it may hold."""
    with consumer(redeliver_after=2.5, max_unsettled=7) as source, consumer() as other:
        assert source.capabilities.redelivers_after == 2.5
        assert source.capabilities.max_unsettled == 7
        assert other.capabilities.redelivers_after is None


def test_a_settled_topic_holds_no_memory_of_its_messages() -> None:
    """A million messages through a topic leave nothing behind but a few counters."""
    with consumer(redeliver_after=0.0) as source:
        for _ in range(20):
            put(*["x"] * 50)
            source.ack(source.consume(50, 0))
        topic = _driver.topic("t")
        brought(source)
    gc.collect()
    assert len(topic) == 0
    assert sum(len(vars(topic)[name]) for name in ("_fresh", "_again", "_unsettled")) == 0
    assert len(topic._expiries) <= 1
