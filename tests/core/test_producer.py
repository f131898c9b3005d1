import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core import (
    CONFIRMED,
    ClosedError,
    DecodeError,
    EncodeError,
    Message,
    Outcome,
    PermanentError,
    RetryableError,
    TooLargeError,
)
from geowatch_core.codecs.json import JsonCodec
from geowatch_core.path import Path
from tests.core.sample import MARKED, Given, Taking, messages

THROTTLED = RetryableError("Throttled", fix="Wait.", retry_after=2.0)
REFUSED = PermanentError("Refused", fix="Mend it.")


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    """Each outcome by its class, confirmed as ok."""
    return ["ok" if one is CONFIRMED else type(one).__name__ for one in outcomes]


def test_every_message_gets_its_own_outcome() -> None:
    """A batch that half failed says of each message what became of it, in order."""
    answers: list[Outcome] = [CONFIRMED, THROTTLED, REFUSED]
    with Taking(lambda run: answers) as producer:
        assert producer.deliver(messages("a", "b", "c")) == answers
    assert producer.calls == [[b"a", b"b", b"c"]]


@pytest.mark.parametrize("error", [THROTTLED, REFUSED])
def test_a_failed_call_is_the_outcome_of_its_messages_only(
    error: RetryableError | PermanentError,
) -> None:
    """Where a batch takes several calls, the others keep their own outcomes."""

    def answer(run: list[bytes]) -> list[Outcome]:
        if b"c" in run:
            raise error
        return [CONFIRMED] * len(run)

    with Taking(answer, max_batch=2) as producer:
        outcomes = producer.deliver(messages("a", "b", "c", "d", "e"))
    assert outcomes == [CONFIRMED, CONFIRMED, error, error, CONFIRMED]


@pytest.mark.parametrize("answered", [0, 1, 3])
def test_a_backend_that_answers_for_too_few_or_too_many_is_found_out(answered: int) -> None:
    """A mismatch of outcomes and messages would lose one: it raises, naming class and counts."""
    with Taking(lambda run: [CONFIRMED] * answered) as producer:
        expected = rf"Taking\._deliver answered {answered} outcomes for 2 messages"
        with pytest.raises(TypeError, match=expected):
            producer.deliver(messages("a", "b"))


@pytest.mark.parametrize(("size", "kind"), [(9, "ok"), (10, "ok"), (11, "TooLargeError")])
def test_a_message_over_the_limit_is_refused_without_a_call(size: int, kind: str) -> None:
    """One byte below the limit and at the limit goes; one byte above is refused for good."""
    with Taking(max_message=10) as producer:
        outcomes = producer.deliver(messages("x" * size))
    assert kinds(outcomes) == [kind]
    assert producer.calls == ([[b"x" * size]] if kind == "ok" else [])


def test_a_message_that_is_too_large_holds_nothing_else_back() -> None:
    """The others of its batch are delivered; the error says the limit and the size."""
    with Taking(max_message=3) as producer:
        outcomes = producer.deliver(messages("a", "abcd", "b"))
    assert kinds(outcomes) == ["ok", "TooLargeError", "ok"]
    assert producer.calls == [[b"a", b"b"]]
    error = outcomes[1]
    assert isinstance(error, TooLargeError)
    assert str(error).startswith("taking takes messages of at most 3 bytes (got 4).")


@pytest.mark.parametrize(
    ("count", "calls"), [(4, [4]), (5, [5]), (6, [5, 1]), (10, [5, 5]), (11, [5, 5, 1])]
)
@pytest.mark.parametrize("room", [None, 1_000])
def test_a_call_has_at_most_max_batch_entries(
    count: int, calls: list[int], room: int | None
) -> None:
    """A batch is cut into full calls, in order, whether or not bytes are limited too."""
    with Taking(max_batch=5, max_batch_bytes=room) as producer:
        outcomes = producer.deliver(messages(*map(str, range(count))))
    assert [len(run) for run in producer.calls] == calls
    assert [int(item) for run in producer.calls for item in run] == list(range(count))
    assert kinds(outcomes) == ["ok"] * count


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [
        ([4, 5], [[4, 5]]),
        ([5, 5], [[5, 5]]),
        ([5, 6], [[5], [6]]),
        ([1, 9, 1], [[1, 9], [1]]),
        ([10, 10], [[10], [10]]),
        ([11, 1], [[11], [1]]),
    ],
)
def test_a_call_has_at_most_max_batch_bytes(sizes: list[int], calls: list[list[int]]) -> None:
    """Nine and ten of ten bytes share a call, eleven do not; one that is larger goes alone."""
    with Taking(max_batch_bytes=10) as producer:
        producer.deliver(messages(*("x" * size for size in sizes)))
    assert [[len(item) for item in run] for run in producer.calls] == calls


@given(
    sizes=st.lists(st.integers(0, 12), max_size=30),
    entries=st.none() | st.integers(1, 5),
    room=st.none() | st.integers(10, 20),
    largest=st.none() | st.integers(0, 10),
)
def test_whatever_the_limits_each_message_goes_once_in_order_or_is_refused(
    sizes: list[int], entries: int | None, room: int | None, largest: int | None
) -> None:
    """No limit is passed, no message lost, repeated or moved, and no outcome is another's."""
    with Taking(max_batch=entries, max_batch_bytes=room, max_message=largest) as producer:
        outcomes = producer.deliver(messages(*("x" * size for size in sizes)))
    fitting = [size for size in sizes if largest is None or size <= largest]
    assert [len(item) for run in producer.calls for item in run] == fitting
    assert [one is CONFIRMED for one in outcomes] == [
        largest is None or size <= largest for size in sizes
    ]
    for run in producer.calls:
        assert run
        assert entries is None or len(run) <= entries
        assert room is None or sum(map(len, run)) <= room or len(run) == 1


def test_delivering_nothing_calls_nothing() -> None:
    """An empty batch has no outcomes and costs no call."""
    for room in (None, 10):
        with Taking(max_batch_bytes=room) as producer:
            assert producer.deliver([]) == []
        assert producer.calls == []


def test_an_untouched_message_of_the_same_codec_keeps_its_bytes() -> None:
    """What nobody looked at is handed on as it is, even where the codec would write it anew."""
    consumer = Given("a", codec=MARKED)  # its bytes lack the mark that MARKED would write
    with consumer, Taking(codec=MARKED) as producer:
        (message,) = consumer.consume()
        producer.deliver([message])
        assert message.value == "a"
        producer.deliver([message])
    assert producer.calls == [[b"a"], [b"a!"]]


def test_an_untouched_message_of_another_codec_is_written_in_the_producers() -> None:
    """Between two codecs a message is decoded and encoded, and itself stays untouched."""
    with Given("a") as consumer, Taking(codec=MARKED) as producer:
        (message,) = consumer.consume()
        producer.deliver([message])
    assert producer.calls == [[b"a!"]]
    assert (message.data, message.touched) == (b"a", False)


def test_what_cannot_be_encoded_or_decoded_is_refused_alone() -> None:
    """A value the codec refuses, or bytes that are not what they should be, are outcomes."""
    with Given("good", "bad") as consumer, Taking(codec=MARKED) as producer:
        good, bad = consumer.consume()
        bad.data = b"\xff"
        outcomes = producer.deliver([bad, Message.of(5), good, Message.of("new")])
    assert kinds(outcomes) == ["DecodeError", "EncodeError", "ok", "ok"]
    assert isinstance(outcomes[0], DecodeError)
    assert isinstance(outcomes[1], EncodeError)
    assert producer.calls == [[b"good!", b"new!"]]


def test_outcomes_stay_with_their_messages_whatever_refused_which() -> None:
    """Refused by the codec, by the size limit and by the service, in one batch."""
    with Taking(lambda run: [CONFIRMED, THROTTLED], max_message=3) as producer:
        outcomes = producer.deliver([
            Message.of(1), Message.of("a"), Message.of("long"), Message.of(2), Message.of("b"),
        ])  # fmt: skip
    assert kinds(outcomes) == [
        "EncodeError", "ok", "TooLargeError", "EncodeError", "RetryableError",
    ]  # fmt: skip


def test_delivering_changes_no_message() -> None:
    """The bytes made for one destination are not those of the message: another may differ."""
    message = Message.of("a")
    with Taking() as plain, Taking(codec=MARKED) as marked:
        marked.deliver([message])
        plain.deliver([message])
    assert (message.data, message.value) == (b"", "a")
    assert (plain.calls, marked.calls) == ([[b"a"]], [[b"a!"]])


@pytest.mark.parametrize("call", ["deliver", "deliver_encoded"])
def test_a_producer_that_is_not_open_says_so(call: str) -> None:
    """Neither before open nor after close does anything reach the service."""
    producer = Taking()
    with pytest.raises(ClosedError, match="taking is not open yet"):
        getattr(producer, call)(messages("a"))
    producer.open().close()
    with pytest.raises(ClosedError, match="taking is closed"):
        getattr(producer, call)(messages("a"))
    assert producer.calls == []


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b'{"id":"bus 7"}', b"bus 7"),
        ('{"id":"süd"}'.encode(), "süd".encode()),
        (b'{"id":7}', b"7"),
        (b'{"id":7.5}', b"7.5"),
        (b'{"id":true}', b"true"),
        (b'{"id":["a",1]}', b'["a",1]'),
        (b'{"id":null}', b"own"),
        (b'{"ID":"x"}', b"own"),
    ],
)
def test_the_key_is_found_in_the_value(data: bytes, key: bytes) -> None:
    """A text is the key as it is, anything else as JSON; without a value the key stays."""
    message = Message(data, b"own")
    with Taking(codec=JsonCodec(), key=Path.parse("id")) as producer:
        producer.deliver([message])
    assert producer.keys == [key]
    assert message.key == b"own"


class Meeting(Taking):
    """Two calls at once, which wait for each other."""

    calls_at_once = 2

    def __init__(self) -> None:
        super().__init__(max_batch=2)
        self.barrier = threading.Barrier(2, timeout=30)

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        self.barrier.wait()
        return [THROTTLED if message.data == b"c" else CONFIRMED for message in messages]


def test_calls_at_once_overlap_and_outcomes_stay_in_order() -> None:
    """Two calls that each wait for the other both return, and each message keeps its outcome."""
    with Meeting() as producer:
        outcomes = producer.deliver(messages("a", "b", "c", "d"))
    assert outcomes == [CONFIRMED, CONFIRMED, THROTTLED, CONFIRMED]
