"""What becomes of a message that was acked, given back, or left."""

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core import (
    AlreadySettledError,
    Message,
)
from geowatch_core.memory import _driver
from tests.core.memory.topic import Clock, brought, consumer, put
from tests.core.sample import data


def test_an_acked_message_never_comes_again() -> None:
    """Not to this consumer, and not to the next."""
    put("a", "b")
    with consumer() as source:
        source.ack(source.consume(1))
        assert brought(source) == [b"b"]
    with consumer() as source:
        source.ack(source.consume())
        assert brought(source) == []
    assert len(_driver.topic("t")) == 0


def test_a_later_ack_settles_nothing_earlier() -> None:
    """Each message is settled by itself: what was not acked comes again after a reopen."""
    put("a", "b", "c")
    with consumer() as source:
        _, b, _ = source.consume()
        source.ack([b])
    with consumer() as source:
        assert brought(source) == [b"a", b"c"]


def test_a_nacked_message_comes_again_at_once_before_all_later_ones() -> None:
    """A message that was given back is a new delivery at its old place."""
    put("a", "b", "c", "d")
    with consumer() as source:
        a, b, _ = source.consume(3)
        source.nack([a, b])
        assert brought(source) == [b"a", b"b", b"d"]
        with pytest.raises(AlreadySettledError, match="nacked before"):
            source.ack([a])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("at_once", [True, False])
def test_given_back_messages_come_in_their_old_order(order: tuple[int, ...], at_once: bool) -> None:
    """In whatever order they are given back, one by one or together."""
    put("a", "b", "c", "d")
    with consumer() as source:
        consumed = source.consume(3)
        chosen = [consumed[i] for i in order]
        for some in [chosen] if at_once else [[one] for one in chosen]:
            source.nack(some)
        assert brought(source) == [b"a", b"b", b"c", b"d"]


def test_what_is_given_back_twice_keeps_its_place() -> None:
    """A second delivery given back comes before one that was delivered first but came later."""
    put("a", "b")
    with consumer() as source:
        a, b = source.consume()
        source.nack([a])
        (again,) = source.consume()
        assert again.data == b"a"
        source.nack([b, again])
        assert brought(source) == [b"a", b"b"]


def test_an_unsettled_message_comes_again_when_its_time_is_up(clock: Clock) -> None:
    """Not a moment before, and then at its old place."""
    put("a", "b", "c")
    with consumer(redeliver_after=10.0) as source:
        assert brought(source, 2) == [b"a", b"b"]
        clock.now += 9.999
        assert brought(source) == [b"c"]
        clock.now += 0.001
        assert brought(source) == [b"a", b"b"]


def test_a_settlement_after_the_time_is_up_is_late(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The message comes again all the same, and a warning says what to do about it."""
    put("a")
    with consumer(redeliver_after=10.0) as source:
        late = source.consume(1, 0)
        clock.now += 10
        again = source.consume(1, 0)
        assert data(again) == [b"a"]
        with caplog.at_level(logging.WARNING):
            source.ack(late)
        assert "in: 1 messages were acked too late and come again" in caplog.text
        assert "longer redeliver_after" in caplog.text
        source.ack(again)
        assert len(_driver.topic("t")) == 0


def test_a_late_nack_gives_nothing_back_twice(clock: Clock) -> None:
    """What came again already is not there a second time."""
    put("a")
    with consumer(redeliver_after=10.0) as source:
        late = source.consume(1, 0)
        clock.now += 10
        assert brought(source) == [b"a"]
        source.nack(late)
        assert brought(source) == []


def test_each_consumer_has_its_own_time(clock: Clock) -> None:
    """A patient consumer does not keep back what an impatient one has let expire."""
    put("a", "b")
    with consumer(redeliver_after=1_000.0) as slow, consumer(redeliver_after=10.0) as quick:
        assert brought(slow, 1) == [b"a"]
        assert brought(quick, 1) == [b"b"]
        clock.now += 10
        assert brought(quick) == [b"b"]


def test_an_expired_message_is_no_longer_counted_as_unsettled(clock: Clock) -> None:
    """A consumer that let its messages expire gets them again, however few it may hold."""
    put("a", "b")
    with consumer(redeliver_after=10.0, max_unsettled=1) as source:
        assert brought(source) == [b"a"]
        assert brought(source) == []
        clock.now += 10
        assert brought(source) == [b"a"]


def test_a_consumer_waits_until_a_message_expires() -> None:
    """One that waits for a message is woken by the time of another's running out."""
    put("a")
    with consumer(redeliver_after=0.1) as source:
        assert brought(source) == [b"a"]
        started = time.monotonic()
        assert data(source.consume(1, 30)) == [b"a"]
        assert time.monotonic() - started < 10


@given(st.lists(st.sampled_from(["put", "take", "ack", "nack", "expire", "reopen"]), max_size=40))
def test_nothing_is_lost_and_the_unsettled_come_in_order(steps: list[str]) -> None:
    """Against two plain lists: what is ready, and what is out; both in order of their numbers."""
    _driver.clear()
    clock = Clock()
    _driver._topics["t"] = _driver.Topic(clock)
    ready: list[int] = []
    out: list[Message] = []
    sent = 0
    source = consumer(redeliver_after=10.0)
    for step in steps:
        if step == "put":
            put(str(sent), str(sent + 1))
            ready += [sent, sent + 1]
            sent += 2
        elif step == "take":
            taken = source.consume(3, 0)
            assert [int(item) for item in data(taken)] == ready[:3]
            ready = ready[3:]
            out += taken
        elif step == "ack":
            source.ack(out[-1:])
            out = out[:-1]
        elif step == "nack":
            source.nack(out[1:2])
            ready = sorted(ready + [int(item) for item in data(out[1:2])])
            out = out[:1] + out[2:]
        else:
            if step == "expire":
                clock.now += 10
            else:
                source.close()
                source = consumer(redeliver_after=10.0)
            ready = sorted(ready + [int(item) for item in data(out)])
            out = []
    assert [int(item) for item in brought(source)] == ready
    source.close()
