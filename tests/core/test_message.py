import pytest

from geowatch_core import Message
from tests.core.sample import TEXT, Given


class Counting(Given):
    """Counts how often its codec is asked to decode."""

    def __init__(self, *texts: str) -> None:
        super().__init__(*texts)
        self.decoded = 0
        consumer = self

        class Counted(type(TEXT)):  # type: ignore[misc]
            def decode(self, data: bytes) -> list[str]:
                consumer.decoded += 1
                return [super().decode(data)]

        self.codec = Counted()


@pytest.fixture
def consumer() -> Counting:
    """A consumer of two messages that is not open yet."""
    return Counting("a", "b")


@pytest.fixture
def message(consumer: Counting) -> Message:
    """Its first message."""
    with consumer:
        return consumer.consume(1)[0]


def test_value_is_decoded_when_first_read_and_once(consumer: Counting, message: Message) -> None:
    """Nothing is decoded until somebody asks; then everybody gets the same value."""
    assert consumer.decoded == 0
    assert message.value is message.value
    assert message.value == ["a"]
    assert consumer.decoded == 1


def test_reading_value_touches(message: Message) -> None:
    """Whoever holds the value may have changed it, so that reading counts as touching."""
    assert not message.touched
    assert message.value == ["a"]
    assert message.touched


def test_setting_value_touches_without_decoding(consumer: Counting, message: Message) -> None:
    """A new value makes a message touched; its old one is never decoded for that."""
    message.value = "new"
    assert message.touched
    assert message.value == "new"
    assert message.data == b"a"
    assert consumer.decoded == 0


def test_none_is_a_value(message: Message) -> None:
    """Setting None is setting a value, not taking one away."""
    message.value = None
    assert message.touched
    assert message.value is None
    assert message.peek() is None


def test_peek_gives_a_value_of_ones_own(message: Message) -> None:
    """Changing what peek gave changes neither the message nor what the next peek gives."""
    message.peek().append("changed")
    assert not message.touched
    assert message.peek() == ["a"]
    assert message.value == ["a"]


def test_peek_sees_the_value_a_touched_message_has_now(message: Message) -> None:
    """Peeking looks at what would be delivered, not at what was consumed long ago."""
    message.value = ["new"]
    assert message.peek() == ["new"]
    assert message.replace(["newer"]).peek() == ["newer"]


def test_a_message_by_hand_carries_its_value() -> None:
    """Message.of takes a value, and has no bytes until a destination encodes it."""
    message = Message.of("v", key=b"k", headers=(("h", b"1"),), time=2.5)
    assert (message.value, message.peek(), message.data) == ("v", "v", b"")
    assert (message.key, message.headers, message.time) == (b"k", (("h", b"1"),), 2.5)
    assert message.touched
    assert message.origin is None


def test_a_message_of_bytes_by_hand_has_its_bytes_for_a_value() -> None:
    """Without an origin there is no codec, so the value is the bytes."""
    message = Message(b"raw")
    assert message.peek() == b"raw"
    assert not message.touched
    assert message.value == b"raw"


def test_replace_keeps_all_but_the_value(message: Message) -> None:
    """A replacement is a new message of the same delivery; the one it replaces stays as it was."""
    message.key, message.headers, message.time = b"k", (("h", b"1"),), 1.0
    other = message.replace("new")
    assert other is not message
    assert other.value == "new"
    assert (other.key, other.headers, other.time) == (b"k", (("h", b"1"),), 1.0)
    assert (other.position, other.origin, other.data) == (0, message.origin, b"a")
    assert not message.touched


def test_header_gives_the_last_of_a_name() -> None:
    """A name may stand more than once; the last one counts, and an unknown one is None."""
    message = Message(b"", headers=(("a", b"1"), ("b", b"2"), ("a", b"3")))
    assert message.header("a") == b"3"
    assert message.header("b") == b"2"
    assert message.header("c") is None


def test_messages_are_the_same_only_if_they_are_one() -> None:
    """Two messages with equal bytes are two messages, in a set as well."""
    one, two = Message(b"x"), Message(b"x")
    assert one != two
    assert len({one, two}) == 2
