import pytest

from geowatch_core import AckError, AlreadySettledError, ClosedError, Message, RetryableError
from tests.core.sample import Given, data


def test_consume_brings_at_most_count_and_says_from_where() -> None:
    """Messages come in order, each knowing its consumer as its origin."""
    with Given("a", "b", "c") as consumer:
        first = consumer.consume(2)
        assert data(first) == [b"a", b"b"]
        assert [message.origin for message in first] == [consumer, consumer]
        assert data(consumer.consume(2)) == [b"c"]
        assert consumer.consume(2) == []


@pytest.mark.parametrize("count", [0, -1])
def test_consume_of_less_than_one_message_is_refused(count: int) -> None:
    """Asking for nothing is a mistake, and no way to wait."""
    with Given("a") as consumer, pytest.raises(ValueError, match=f"at least 1.*got {count}"):
        consumer.consume(count)


@pytest.mark.parametrize(("settle", "outcome"), [("ack", "acked"), ("nack", "nacked")])
def test_settling_reaches_the_channel_once(settle: str, outcome: str) -> None:
    """What is settled is noted on the message and passed to the channel, in order."""
    with Given("a", "b") as consumer:
        messages = consumer.consume()
        getattr(consumer, settle)(messages)
        assert [message.settled for message in messages] == [outcome, outcome]
        assert getattr(consumer, outcome) == [b"a", b"b"]


@pytest.mark.parametrize("second", ["ack", "nack"])
@pytest.mark.parametrize(("first", "outcome"), [("ack", "acked"), ("nack", "nacked")])
def test_a_second_settlement_raises_and_names_the_first(
    first: str, outcome: str, second: str
) -> None:
    """A delivery settles once; whoever tries again learns what became of it."""
    with Given("a") as consumer:
        messages = consumer.consume()
        getattr(consumer, first)(messages)
        with pytest.raises(AlreadySettledError, match=f"given was {outcome} before.*got 0"):
            getattr(consumer, second)(messages)
        assert consumer.acked + consumer.nacked == [b"a"]


def test_one_settled_message_keeps_the_others_unsettled() -> None:
    """A call with a settled message in it settles none of the others."""
    with Given("a", "b") as consumer:
        one, two = consumer.consume()
        consumer.ack([two])
        with pytest.raises(AlreadySettledError):
            consumer.ack([one, two])
        assert one.settled is None
        consumer.nack([one])
        assert (consumer.acked, consumer.nacked) == ([b"b"], [b"a"])


def test_a_message_twice_in_one_call_is_refused() -> None:
    """A delivery settles once, in one call as in two; nothing of such a call is settled."""
    with Given("a", "b") as consumer:
        one, two = consumer.consume()
        with pytest.raises(AckError, match="twice"):
            consumer.ack([one, two, one])
        assert consumer.acked == []
        consumer.ack([one, two])


def test_a_replaced_message_is_the_same_delivery() -> None:
    """Settling what carries a new value settles the original, and the other way round."""
    with Given("a", "b") as consumer:
        one, two = consumer.consume()
        consumer.ack([one.replace("new").replace("newer")])
        assert one.settled == "acked"
        with pytest.raises(AlreadySettledError, match="acked before"):
            consumer.nack([one])
        consumer.nack([two])
        assert two.replace("new").settled == "nacked"
        with pytest.raises(AlreadySettledError, match="nacked before"):
            consumer.ack([two.replace("new")])


def test_a_message_and_its_replacement_in_one_call_are_refused() -> None:
    """They are one delivery, so it would settle twice."""
    with Given("a") as consumer:
        (one,) = consumer.consume()
        with pytest.raises(AckError, match="twice"):
            consumer.ack([one, one.replace("new")])


def test_a_foreign_message_is_refused_by_name() -> None:
    """Only the consumer that brought a message can settle it."""
    with Given("a", name="mine") as mine, Given("b", name="theirs") as theirs:
        (foreign,) = theirs.consume()
        with pytest.raises(AckError, match=r"mine did not consume.*theirs") as raised:
            mine.ack(foreign_and := [*mine.consume(), foreign])
        assert not isinstance(raised.value, AlreadySettledError)
        assert [message.settled for message in foreign_and] == [None, None]
        with pytest.raises(AckError, match="mine did not consume"):
            mine.nack([Message.of("by hand")])


def test_what_the_service_did_not_confirm_stays_unsettled() -> None:
    """After a failed ack the same messages can be acked again."""
    with Given("a") as consumer:
        messages = consumer.consume()
        consumer.down = RetryableError("No answer", fix="Wait.")
        with pytest.raises(RetryableError):
            consumer.ack(messages)
        assert messages[0].settled is None
        consumer.down = None
        consumer.ack(messages)
        assert messages[0].settled == "acked"


def test_settling_nothing_does_nothing() -> None:
    """An empty batch is settled without a word to the service."""
    with Given() as consumer:
        consumer.down = RetryableError("Never asked", fix="")
        consumer.ack([])
        consumer.nack([])


def test_a_consumer_that_is_not_open_says_so() -> None:
    """Before open and after close every call raises, and says which it is."""
    consumer = Given("a")
    with pytest.raises(ClosedError, match="given is not open yet"):
        consumer.consume()
    with consumer:
        messages = consumer.consume()
    for call in (consumer.consume, lambda: consumer.ack(messages), lambda: consumer.nack(messages)):
        with pytest.raises(ClosedError, match="given is closed"):
            call()


def test_a_role_opens_once_and_closes_for_good() -> None:
    """Opening or closing again does nothing; opening after close is refused."""
    consumer = Given()
    assert consumer.open() is consumer.open()
    consumer.close()
    consumer.close()
    assert consumer.closes == 1
    with pytest.raises(ClosedError, match=r"given was closed.*Make a new one"):
        consumer.open()


def test_a_role_that_was_never_opened_has_nothing_to_let_go() -> None:
    """Closing it asks nothing of the backend, and it cannot be opened any more."""
    consumer = Given()
    consumer.close()
    assert consumer.closes == 0
    with pytest.raises(ClosedError):
        consumer.open()


def test_a_failed_open_can_be_tried_again() -> None:
    """A service that did not answer may answer the next time."""

    class Slow(Given):
        answers = iter([RetryableError("No answer", fix="Wait."), None])

        def _open(self) -> None:
            if error := next(self.answers):
                raise error

    consumer = Slow("a")
    with pytest.raises(RetryableError):
        consumer.open()
    assert data(consumer.open().consume()) == [b"a"]
    consumer.close()


def test_a_stream_never_ends() -> None:
    """Unless its backend says otherwise, a consumer is not exhausted."""
    with Given() as consumer:
        assert not consumer.exhausted


def test_the_repr_says_class_and_name() -> None:
    """A role in a log line can be told from the others."""
    assert repr(Given(name="quakes")) == "<Given quakes>"
