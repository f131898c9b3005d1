import pytest

from geowatch_core import (
    CONFIRMED,
    ClosedError,
    EncodeError,
    Message,
    PermanentError,
    RetryableError,
    Store,
    TooLargeError,
    Which,
)
from tests.core.sample import MARKED, TEXT, Keeping, data, messages


@pytest.mark.parametrize(
    ("which", "index", "document"),
    [
        (Which.ALL, 0, b"a\nb\nc\n"),
        (Which.FIRST, 0, b"a"),
        (Which.LAST, 0, b"c"),
        (Which.INDEX, 0, b"a"),
        (Which.INDEX, 2, b"c"),
    ],
)
def test_a_write_keeps_what_which_names(which: Which, index: int, document: bytes) -> None:
    """All of a batch is one document; one of it is that message as it is. All are confirmed."""
    with Keeping(which, index) as store:
        assert store.write(messages("a", "b", "c")) == [CONFIRMED] * 3
    assert store.documents == [document]


def test_an_index_past_the_end_keeps_nothing() -> None:
    """Where a batch has no such message, nothing is written and everything is confirmed."""
    with Keeping(Which.INDEX, 3) as store:
        assert store.write(messages("a", "b", "c")) == [CONFIRMED] * 3
    assert store.documents == []


@pytest.mark.parametrize("which", list(Which))
def test_writing_nothing_keeps_what_is_there(which: Which) -> None:
    """An empty batch is no document: it never empties one that stands."""
    with Keeping(which) as store:
        assert store.write([]) == []
    assert store.documents == []


@pytest.mark.parametrize(
    ("which", "index", "items"),
    [
        (Which.ALL, 0, [b"a", b"b", b"c", b"d"]),
        (Which.FIRST, 0, [b"a"]),
        (Which.LAST, 0, [b"d"]),
        (Which.INDEX, 2, [b"c"]),
        (Which.INDEX, 4, []),
    ],
)
def test_a_read_gives_the_items_that_which_names(
    which: Which, index: int, items: list[bytes]
) -> None:
    """Items count through all documents, and are messages whose origin is the store."""
    with Keeping(which, index) as store:
        store.documents = [b"a\nb\n", b"c\nd\n"]
        read = store.read()
    assert data(read) == items
    assert [message.origin for message in read] == [store] * len(items)
    assert [message.value for message in read] == [item.decode() for item in items]


def test_an_empty_store_reads_as_nothing() -> None:
    """No document is no message, and no error."""
    with Keeping() as store:
        assert store.read() == []


@pytest.mark.parametrize("which", [Which.ALL, Which.LAST])
def test_a_failed_write_is_the_outcome_of_every_message(which: Which) -> None:
    """One document holds them all, so none is confirmed; not even those that which leaves out."""
    down = RetryableError("No answer", fix="Wait.")
    with Keeping(which) as store:
        store.down = down
        assert store.write(messages("a", "b")) == [down, down]


def test_a_permanent_refusal_is_an_outcome() -> None:
    """What the service refuses for good is answered, not raised."""
    refused = PermanentError("Refused", fix="Mend it.")
    with Keeping() as store:
        store.down = refused
        assert store.write(messages("a")) == [refused]


def test_what_cannot_be_encoded_is_refused_alone() -> None:
    """The others of its batch make the document."""
    with Keeping(codec=MARKED) as store:
        first, second, third = store.write([Message.of("a"), Message.of(5), Message.of("b")])
    assert (first, third) == (CONFIRMED, CONFIRMED)
    assert isinstance(second, EncodeError)
    assert store.documents == [b"a!\nb!\n"]


def test_what_cannot_stand_in_a_document_is_refused_alone() -> None:
    """An item that cannot be a line is refused; the others of its batch make the document."""
    with Keeping() as store:
        outcomes = store.write(messages("a", "two\nlines", "b", "\n"))
    assert [one is CONFIRMED for one in outcomes] == [True, False, True, False]
    assert isinstance(outcomes[1], EncodeError)
    assert isinstance(outcomes[3], EncodeError)
    assert "two" in str(outcomes[1])
    assert store.documents == [b"a\nb\n"]


def test_a_batch_of_which_nothing_can_stand_in_a_document_writes_none() -> None:
    """Where every item is refused, what was stored before stays."""
    with Keeping() as store:
        outcomes = store.write(messages("two\nlines", "\n"))
    assert all(isinstance(one, EncodeError) for one in outcomes)
    assert store.documents == []


@pytest.mark.parametrize(("letters", "fits"), [(2, True), (3, True), (4, False)])
@pytest.mark.parametrize("which", [Which.ALL, Which.FIRST])
def test_a_document_over_the_limit_is_refused(which: Which, letters: int, fits: bool) -> None:
    """The largest message of a store is its largest document: 2 and 3 of 3 bytes go, 4 do not."""
    text = "x" * (letters - 1) + ("" if which is Which.ALL else "x")  # a line has an end
    with Keeping(which, max_message=3) as store:
        (outcome,) = store.write(messages(text))
    assert (outcome is CONFIRMED) is fits
    assert [len(document) for document in store.documents] == ([letters] if fits else [])
    if not fits:
        assert isinstance(outcome, TooLargeError)
        assert "keeping takes documents of at most 3 bytes (got 4)" in str(outcome)


def test_a_store_delivers_like_a_producer() -> None:
    """A broker need not know whether a destination is a store."""
    with Keeping() as store:
        assert store.deliver([Message.of("a")]) == [CONFIRMED]
        assert store.deliver_encoded(messages("b")) == [CONFIRMED]
    assert store.documents == [b"a\n", b"b\n"]


def test_a_store_that_cannot_read_back_says_so() -> None:
    """Reading what cannot be read is an error with its name, not an empty answer."""

    class Deaf(Store):
        def _write(self, messages: object) -> None: ...

    with (
        Deaf(name="deaf", codec=TEXT) as store,
        pytest.raises(PermanentError, match="deaf cannot read back"),
    ):
        store.read()


@pytest.mark.parametrize("call", ["write", "write_encoded", "deliver", "deliver_encoded"])
def test_a_store_that_is_not_open_says_so(call: str) -> None:
    """Neither before open nor after close does anything reach the service."""
    store = Keeping()
    with pytest.raises(ClosedError, match="keeping is not open yet"):
        getattr(store, call)(messages("a"))
    with pytest.raises(ClosedError, match="keeping is not open yet"):
        store.read()
    store.open().close()
    with pytest.raises(ClosedError, match="keeping is closed"):
        getattr(store, call)(messages("a"))
    assert store.documents == []
