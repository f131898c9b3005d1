"""A window that others use, too: asked until it answers, and never a reason to lose a message."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from geowatch_core import Broker, Retry, Window
from geowatch_core.capabilities import Capabilities
from geowatch_core.errors import (
    AckError,
    BrokerStoppedError,
    ConfigurationError,
    PermanentError,
    RetryableError,
)
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.memory.options import MemoryStoreOptions
from geowatch_core.memory.store import MemoryStore
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import AT_ONCE, LATER, NEVER, Given, Kept, data, numbers
from tests.flow.codec import JSON


class Scripted(Window):
    """Answers as it is told, and writes down what it was asked.

    Args:
        answer: of one call of reserve: a list, None, or an error to raise.
        confirming: errors that calls of confirm raise, one each.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[bytes]], Any] = lambda asked: [True] * len(asked),
        confirming: Sequence[Exception] = (),
    ) -> None:
        self.calls: list[tuple[str, list[bytes]]] = []
        self._answer = answer
        self._confirming = list(confirming)
        self.asked = threading.Event()

    def open(self) -> None:
        """Note it."""
        self.calls.append(("open", []))

    def close(self) -> None:
        """Note it."""
        self.calls.append(("close", []))

    def reserve(self, identities: Sequence[bytes]) -> list[bool] | None:
        """Answer as told."""
        self.calls.append(("reserve", list(identities)))
        self.asked.set()
        answer = self._answer(identities)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def confirm(self, identities: Sequence[bytes]) -> None:
        """Raise as told."""
        self.calls.append(("confirm", list(identities)))
        if self._confirming:
            raise self._confirming.pop(0)

    def release(self, identities: Sequence[bytes]) -> None:
        """Note it."""
        self.calls.append(("release", list(identities)))

    @property
    def verbs(self) -> list[str]:
        """What was called, in order."""
        return [verb for verb, _ in self.calls]


def brokering(window: Window, items: Sequence[bytes], **options: Any) -> tuple[Broker, Given, Kept]:
    """A broker with that window, its source and its sink."""
    source, sink = Given(items), Kept(options.pop("answer", lambda _data, _tries: CONFIRMED))
    given = {"deduplicate": Deduplicate(key="n"), "retry": AT_ONCE, **options}
    return Broker(consumers=[source], producers=[sink], window=window, **given), source, sink


def test_batch_is_asked_for_at_once_and_confirmed_once() -> None:
    """One question and one confirmation for a batch, however many messages it has."""
    window = Scripted()
    broker, source, sink = brokering(window, numbers(250))
    report = broker.run()
    assert (report.delivered, len(source.acked), len(sink.got)) == (250, 250, 250)
    assert window.verbs == ["open", "reserve", "confirm", "close"]
    assert [len(identities) for _, identities in window.calls] == [0, 250, 250, 0]
    assert {type(each) for each in window.calls[1][1]} == {bytes}


def test_messages_that_others_have_delivered_are_left_out() -> None:
    """What was seen is counted, and acked with what goes on."""
    window = Scripted(lambda asked: [number % 3 == 0 for number in range(len(asked))])
    broker, source, sink = brokering(window, numbers(10))
    report = broker.run()
    assert [value["n"] for value in sink.values] == [0, 3, 6, 9]
    assert (report.delivered, report.deduplicated, report.conserved) == (4, 6, True)
    assert len(source.acked) == 10
    confirmed = next(asked for verb, asked in window.calls if verb == "confirm")
    assert confirmed == window.calls[1][1][::3]


def test_message_without_identity_is_not_asked_for() -> None:
    """Where the key is missing or null, the message goes on whatever the window has."""
    window = Scripted(lambda asked: [False] * len(asked))
    items = data({"n": 1}, {}, {"n": None}, {"n": 2})
    broker, _, sink = brokering(window, items)
    broker.run()
    assert sink.values == [{}, {"n": None}]


def test_filtered_messages_are_not_asked_for() -> None:
    """The window is asked after the filters, in each of a batch's runs."""
    window = Scripted()
    broker, _, sink = brokering(window, numbers(250), filter=lambda value: value["n"] % 2 == 0)
    broker.run()
    assert len(window.calls[1][1]) == len(sink.got) == 125


def test_bytes_identify_a_message_where_no_key_is_given() -> None:
    """Without a key, equal bytes have equal identities, and others have others."""
    window = Scripted()
    broker, _, _ = brokering(window, data("a", "b", "a"), deduplicate=True)
    broker.run()
    first, second, third = window.calls[1][1]
    assert first == third != second


def test_broker_waits_while_another_has_begun_with_a_message() -> None:
    """It asks again until the other has it or has given it up; nothing is acked meanwhile."""
    acked: list[int] = []
    answers = iter([None, None, None, [True, False]])

    def answer(_: object) -> Any:
        acked.append(len(source.acked))
        return next(answers)

    broker, source, sink = brokering(Scripted(answer), numbers(2))
    report = broker.run()
    assert [value["n"] for value in sink.values] == [0]
    assert acked == [0, 0, 0, 0]
    assert (report.delivered, report.deduplicated, len(source.acked)) == (1, 1, 2)


def test_window_that_does_not_answer_is_asked_again() -> None:
    """An error that may pass is waited out, as that of any service."""
    answers = iter([LATER, LATER, [True, True]])
    broker, _, sink = brokering(Scripted(lambda _: next(answers)), numbers(2))
    assert broker.run().delivered == 2
    assert len(sink.got) == 2


@pytest.mark.parametrize("error", [LATER, NEVER])
def test_window_that_never_answers_stops_the_broker(error: Exception) -> None:
    """When it is given up, or refuses, nothing is delivered and nothing acked."""
    broker, source, sink = brokering(Scripted(lambda _: error), numbers(2))
    with pytest.raises(type(error)):
        broker.run()
    assert (sink.got, source.acked, sorted(source.nacked)) == ([], [], [0, 1])


@pytest.mark.parametrize("answer", [None, LATER])
def test_stop_while_waiting_gives_the_batch_back(answer: Any) -> None:
    """A broker that is stopped while it waits ends well, and what it held comes again."""
    window = Scripted(lambda _: answer)
    broker, source, sink = brokering(
        window, numbers(3), retry=Retry(attempts=1000, base=0.01, cap=0.01), count=2
    )
    stopper = threading.Thread(target=lambda: (window.asked.wait(30), broker.stop()))
    stopper.start()
    report = broker.run()
    stopper.join()
    assert (sink.got, source.acked) == ([], [])
    assert sorted(source.nacked) == list(range(report.given_back))
    assert report.given_back >= 2
    assert report.conserved
    assert window.verbs[-2:] == ["release", "close"]


def test_confirmed_before_the_source_is_acked() -> None:
    """A crash between the two finds that every destination has the messages."""

    class Looking(Scripted):
        def confirm(self, identities: Sequence[bytes]) -> None:
            super().confirm(identities)
            seen.append((len(sink.got), len(source.acked)))

    seen: list[tuple[int, int]] = []
    broker, source, sink = brokering(Looking(), numbers(4))
    broker.run()
    assert seen == [(4, 0)]


def test_confirmation_that_fails_is_repeated() -> None:
    """The source is acked after the confirmation that worked."""
    window = Scripted(confirming=[LATER, LATER])
    broker, source, _ = brokering(window, numbers(2))
    broker.run()
    assert window.verbs == ["open", "reserve", "confirm", "confirm", "confirm", "close"]
    assert len(source.acked) == 2


def test_nothing_is_acked_where_confirming_is_given_up() -> None:
    """The broker stops; what was delivered comes again, which is better than never."""
    broker, source, _ = brokering(Scripted(confirming=[LATER] * 10), numbers(2))
    with pytest.raises(RetryableError):
        broker.run()
    assert source.acked == []


def test_batch_that_is_given_back_is_released() -> None:
    """A message that no destination takes stops the broker, and is new when it comes again."""
    window = Scripted()
    broker, source, _ = brokering(window, numbers(2), answer=lambda _data, _tries: NEVER)
    with pytest.raises(BrokerStoppedError):
        broker.run()
    assert window.calls[-2] == ("release", window.calls[1][1])
    assert source.acked == []


def test_release_that_fails_is_no_failure_of_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """What the window keeps is free when it is closed; the run says why it ended, and no more."""

    class Broken(Scripted):
        def release(self, identities: Sequence[bytes]) -> None:
            raise LATER

    broker, _, _ = brokering(Broken(), numbers(2), answer=lambda _data, _tries: NEVER)
    with pytest.raises(BrokerStoppedError):
        broker.run()
    assert "still has what was given back" in caplog.text


def test_source_that_does_not_ack_leaves_its_messages_confirmed() -> None:
    """They were delivered: where they come again, they were seen."""

    class Unwilling(Given):
        def _ack(self, messages: Any) -> None:
            raise AckError("Too late", fix="Settle sooner.")

    window, sink = Scripted(), Kept()
    broker = Broker(
        consumers=[Unwilling(numbers(2))],
        producers=[sink],
        deduplicate=Deduplicate(key="n"),
        window=window,
    )
    with pytest.raises(AckError):
        broker.run()
    assert "confirm" in window.verbs
    assert len(sink.got) == 2


def test_pushed_messages_pass_the_window() -> None:
    """What is pushed in by hand is reserved and confirmed like what was consumed."""
    window = Scripted(lambda asked: [number > 0 for number in range(len(asked))])
    sink = Kept()
    with Broker(producers=[sink], deduplicate=Deduplicate(key="n"), window=window) as broker:
        delivered = broker.receive_messages([{"n": 1}, {"n": 2}, {"n": 3}])
    assert [message.value["n"] for message in delivered] == [2, 3]
    assert window.verbs == ["open", "reserve", "confirm", "close"]


class Sharing(MemoryStore):
    """A store that serves as a window."""

    capabilities = Capabilities(windows=True, reads_back=True, replaces=True, persistent=False)

    def __init__(self, served: Window) -> None:
        super().__init__(MemoryStoreOptions(key="seen"), name="seen", codec=JSON)
        self._served = served
        self.lease = 0.0

    def window(self, lease: float = 15.0) -> Window:
        """Give the one that it was made with."""
        self.lease = lease
        return self._served


def test_any_store_that_has_a_window_can_be_shared() -> None:
    """The broker opens the store before its window, asks with the lease, and closes both."""
    window = Scripted()
    store, sink = Sharing(window), Kept()
    broker = Broker(
        consumers=[Given(numbers(2))],
        producers=[sink],
        deduplicate=Deduplicate(key="n", shared=store, lease=7),
    )
    broker.run()
    assert store.lease == 7
    assert window.verbs == ["open", "reserve", "confirm", "close"]
    with pytest.raises(Exception, match="was closed"):
        store.open()


def test_store_without_a_window_says_so() -> None:
    """A store of another kind cannot be shared, and that is known before anything is opened."""
    store = MemoryStore(MemoryStoreOptions(key="seen"), name="seen", codec=JSON)
    with pytest.raises(ConfigurationError, match="seen cannot remember for several brokers"):
        Broker(producers=[Kept()], deduplicate=Deduplicate(shared=store))


def test_two_windows_are_refused() -> None:
    """One of them would be ignored."""
    with pytest.raises(ConfigurationError, match="one window, not two"):
        Broker(
            producers=[Kept()],
            deduplicate=Deduplicate(shared=Sharing(Scripted())),
            window=Scripted(),
        )


def test_failed_open_of_a_window_closes_what_was_open() -> None:
    """A broker whose window cannot be opened holds nothing open."""

    class Shut(Scripted):
        def open(self) -> None:
            raise PermanentError("No", fix="Open it.")

    broker, source, _ = brokering(Shut(), numbers(1))
    with pytest.raises(PermanentError):
        broker.run()
    assert source._closed
