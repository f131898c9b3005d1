"""Retry: only what failed, only as long as it may succeed, never sooner than the service said."""

import time

import pytest

from geowatch_core import Broker
from geowatch_core.errors import BrokerStoppedError, RetryableError
from geowatch_core.flow.retry import Retry
from geowatch_core.outcome import CONFIRMED
from tests.flow.channel import AT_ONCE, LATER, NEVER, Given, Kept, data


def test_only_the_failed_half_is_delivered_again():
    """Of a batch that half-failed, the failed half alone is brought again."""
    sink = Kept(lambda item, tries: LATER if int(item) % 2 and not tries else CONFIRMED)
    report = Broker(consumers=[Given(data(0, 1, 2, 3))], producers=[sink], retry=AT_ONCE).run()
    assert sink.calls == [data(0, 1, 2, 3), data(1, 3)]
    assert (report.delivered, report.retries) == (4, 2)


def test_only_the_failed_destination_is_tried_again():
    """A destination that confirmed is left in peace while another one is retried."""
    good, busy = Kept(), Kept(lambda _data, tries: CONFIRMED if tries == 2 else LATER)
    Broker(consumers=[Given(data(1))], producers=[good, busy], retry=AT_ONCE).run()
    assert (len(good.calls), len(busy.calls)) == (1, 3)


def test_retry_after_is_obeyed():
    """The second attempt comes no sooner than the service asked for."""
    busy = RetryableError("Busy", fix="Wait.", retry_after=0.3)
    times = []

    def answer(_data, tries):
        times.append(time.monotonic())
        return CONFIRMED if tries else busy

    Broker(consumers=[Given(data(1))], producers=[Kept(answer)], retry=AT_ONCE).run()
    assert times[1] - times[0] >= 0.3


def test_retry_after_beyond_the_time_bound_gives_up_at_once():
    """A service that asks for more time than there is is not waited for."""
    busy = RetryableError("Busy", fix="Wait.", retry_after=3600)
    letters = Kept(name="letters")
    Broker(
        consumers=[Given(data(1))],
        producers=[Kept(lambda _data, _tries: busy)],
        dead_letter=letters,
    ).run()
    assert [letter["attempts"] for letter in letters.values] == [1]


def test_exhausted_retries_stop_the_broker():
    """When the attempts are used up and nobody takes it, the broker stops with nothing acked."""
    source, sink = Given(data(1, 2)), Kept(lambda _data, _tries: LATER)
    broker = Broker(consumers=[source], producers=[sink], retry=AT_ONCE)
    with pytest.raises(BrokerStoppedError, match=r"2 message.*Busy"):
        broker.run()
    assert len(sink.calls) == AT_ONCE.attempts
    assert (source.acked, sorted(source.nacked)) == ([], [0, 1])
    assert broker.report.given_back == 2


def test_exhausted_retries_go_to_the_dead_letter():
    """When the attempts are used up, the dead letter takes what is left, and only that."""
    sink = Kept(lambda item, tries: CONFIRMED if item == b"2" else LATER)
    letters = Kept(name="letters")
    report = Broker(
        consumers=[Given(data(1, 2))], producers=[sink], retry=AT_ONCE, dead_letter=letters
    ).run()
    assert [(x["data"], x["attempts"], x["error"]) for x in letters.values] == [
        ("1", AT_ONCE.attempts, "RetryableError")
    ]
    assert (report.delivered, report.dead_lettered) == (1, 1)


def test_permanent_failure_is_not_tried_again():
    """What will never succeed is not tried again beside what may."""
    sink = Kept(lambda item, tries: NEVER if item == b"1" else (LATER, CONFIRMED)[tries])
    letters = Kept(name="letters")
    Broker(
        consumers=[Given(data(1, 2))], producers=[sink], retry=AT_ONCE, dead_letter=letters
    ).run()
    assert sink.calls == [data(1, 2), data(2)]
    assert [(x["data"], x["attempts"]) for x in letters.values] == [("1", 1)]


def test_permanent_failures_of_every_attempt_are_kept():
    """What fails for good in the first attempt is not forgotten when more does in the second."""
    answers = {b"1": [NEVER], b"2": [LATER, NEVER], b"3": [LATER, LATER, CONFIRMED]}
    sink, letters = Kept(lambda item, tries: answers[item][tries]), Kept(name="letters")
    Broker(
        consumers=[Given(data(1, 2, 3))], producers=[sink], retry=AT_ONCE, dead_letter=letters
    ).run()
    assert sink.got == [b"3"]
    assert [(x["data"], x["attempts"]) for x in letters.values] == [("1", 1), ("2", 2)]


def test_source_that_does_not_answer_is_asked_again():
    """A source whose service is away for a moment is consumed from when it is back."""

    class Away(Given):
        away = 3

        def _consume(self, count, timeout):
            if self.away:
                self.away -= 1
                raise LATER
            return super()._consume(count, timeout)

    sink = Kept()
    Broker(consumers=[Away(data(1))], producers=[sink], retry=AT_ONCE).run()
    assert sink.values == [1]


def test_source_that_never_answers_fails_the_run():
    """A source that is away for longer than the retry policy allows fails the run."""

    class Away(Given):
        def _consume(self, count, timeout):
            raise LATER

    with pytest.raises(RetryableError, match="Busy"):
        Broker(consumers=[Away(data(1))], producers=[Kept()], retry=AT_ONCE).run()


class Told(Given):
    """Does in one call after the other what a script says: fails, brings nothing, or a message."""

    def __init__(self, script):
        super().__init__(data(*range(script.count("message"))))
        self.script = script.split()

    @property
    def exhausted(self):
        """Whether the script is over."""
        return not self.script

    def _consume(self, count, timeout):
        match self.script.pop(0):
            case "fails":
                raise LATER
            case "nothing":
                return []
        return super()._consume(1, timeout)


def test_outage_of_many_cycles_fails_the_run():
    """That a source brought nothing after it failed ends no outage, however short a cycle is."""
    source = Told("fails nothing " * 9)
    with pytest.raises(RetryableError, match="Busy"):
        Broker(consumers=[source], producers=[Kept()], retry=AT_ONCE, timeout=0).run()
    assert source.script.count("fails") == 9 - AT_ONCE.attempts


def test_pauses_of_an_outage_grow_from_cycle_to_cycle():
    """The attempt and the time that the pause depends on are those of the whole outage."""
    asked = []

    class Noted(Retry):
        def delay(self, attempt, elapsed, retry_after):
            asked.append((attempt, elapsed))
            return 0.01

    source = Told("nothing " + "fails nothing " * 4)
    Broker(consumers=[source], producers=[Kept()], retry=Noted(), timeout=0).run()
    assert [attempt for attempt, _ in asked] == [1, 2, 3, 4]
    assert all(elapsed >= 0.01 * (attempt - 1) for attempt, elapsed in asked)


@pytest.mark.parametrize("answer", ["message", "nothing"])
def test_answer_ends_an_outage(answer):
    """With a message, or with nothing where nothing had failed, the retry policy begins anew."""
    source = Told(f"fails nothing fails nothing fails nothing {answer} " * 3)
    Broker(consumers=[source], producers=[Kept()], retry=AT_ONCE, timeout=0).run()
    assert source.script == []


def test_run_after_one_that_gave_up_tries_as_often():
    """What a run has given up on, the next one asks anew."""
    source = Told("fails " * (AT_ONCE.attempts * 2 - 1) + "message")
    with Broker(consumers=[source], producers=[Kept()], retry=AT_ONCE) as broker:
        with pytest.raises(RetryableError, match="Busy"):
            broker.run()
        assert broker.run().delivered == 1


def test_ack_is_tried_again_without_delivering_again():
    """A source that does not answer an ack is acked again; nothing is delivered twice."""

    class Deaf(Given):
        deaf = 2

        def _ack(self, messages):
            if self.deaf:
                self.deaf -= 1
                raise LATER
            super()._ack(messages)

    source, sink = Deaf(data(1, 2)), Kept()
    Broker(consumers=[source], producers=[sink], retry=AT_ONCE).run()
    assert (source.acked, sink.values) == ([0, 1], [1, 2])


def test_batch_that_was_acked_is_not_given_back_because_another_source_failed():
    """Where one of two sources cannot be acked, the other's batches stay acked and counted so."""

    class Mute(Given):
        def _ack(self, messages):
            raise NEVER

    good, mute = Given(data(1), name="good"), Mute(data(2), name="mute")
    sink = Kept()

    class Both(Broker):
        def process(self, messages):
            while not (good.asked and mute.asked):  # both are in flight before either is acked
                time.sleep(0.001)

    broker = Both(consumers=[good, mute], producers=[sink])
    with pytest.raises(type(NEVER)):
        broker.run()
    assert broker.report.conserved
    assert broker.report.delivered == len(good.acked)
    assert broker.report.given_back == len(mute.nacked) + len(good.nacked)


def test_delays_grow_with_full_jitter_up_to_the_cap():
    """Each delay is drawn from zero to a bound that doubles up to the cap."""
    retry = Retry(attempts=100, base=1, cap=8, time=1e9)
    for attempt, bound in [(1, 1), (2, 2), (3, 4), (4, 8), (9, 8), (99, 8)]:
        drawn = [retry.delay(attempt, 0, None) for _ in range(500)]
        assert 0 <= min(drawn) < 0.1 * bound
        assert 0.9 * bound < max(drawn) <= bound


def test_delay_ends_with_attempts_and_with_time():
    """There is no delay after the last attempt, nor one that would end after the time is up."""
    assert Retry(attempts=3).delay(3, 0, None) is None
    assert Retry(time=10).delay(1, 9.99, 0.02) is None
    assert Retry(time=10, base=0).delay(1, 9.99, 0.0) == 0
