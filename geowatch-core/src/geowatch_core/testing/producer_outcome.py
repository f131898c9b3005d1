"""Checks of outcomes: a failure is reported, for the message it befell, as what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.producer import Producer
from geowatch_core.testing.fault import Fault, Kind
from geowatch_core.testing.producer_base import ProducerBase, failed_at
from geowatch_core.testing.role_kit import ensure_classified
from geowatch_core.testing.verdict import ConformanceError, ensure

__all__ = ["ProducerOutcome"]

_RETRY_AFTER = 7.5
_READ_ANSWER = (
    "Read what the service answers for each entry, also behind an HTTP 200, and put each error at "
    "the index of its message."
)


class ProducerOutcome(ProducerBase, kit=True):
    """An outcome for each message, and none of them a lie."""

    def test_a_failed_call_confirms_nothing(self) -> None:
        """While the service does not answer every outcome is retryable, and it has nothing."""
        self._whole(Fault(at="deliver"))

    def test_a_refused_call_is_permanent(self) -> None:
        """Where the service refuses for good every outcome is permanent, and it has nothing."""
        self._whole(Fault(at="deliver", kind="permanent"))

    def test_outcomes_say_when_to_try_again(self) -> None:
        """A throttled outcome has the seconds that the service asked to wait."""
        self._whole(Fault(at="deliver", retry_after=_RETRY_AFTER))

    def test_a_partial_failure_is_reported(self) -> None:
        """Of a call that half failed, as many messages are reported as the service did not take."""
        messages = self.batch()
        outcomes = self._under(self.producer(), messages, self._partial(messages, 0))
        taken = len(self.channel.raw_take())
        reported = len(failed_at(outcomes))
        ensure(
            reported == len(messages) - taken,
            f"Of {len(messages)} messages the service took {taken}, and {reported} were reported",
            expected=f"{len(messages) - taken} outcomes that are no CONFIRMED",
            fix=_READ_ANSWER,
        )

    def test_outcomes_stand_at_the_index_of_their_message(self) -> None:
        """A failure at any single index is reported at that index, and all others are confirmed."""
        self._at_every_index("retryable")

    def test_permanent_failures_stand_at_the_index_of_their_message(self) -> None:
        """An entry that is refused for good is permanent at its index; all others are confirmed."""
        self._at_every_index("permanent")

    def test_a_failure_from_an_index_on_is_reported(self) -> None:
        """Where the service takes the first messages only, the first are confirmed and no other."""
        producer, count = self.producer(), len(self.batch())
        for first in range(count):
            self._at(producer, range(first, count), "retryable")

    def test_what_failed_is_delivered_by_the_next_try(self) -> None:
        """Messages that failed and are delivered again arrive, once."""
        producer, messages = self.producer(), self.batch()
        with self.broken(Fault(at="deliver")):
            producer.deliver(messages)
        self.ensure_confirmed(producer.deliver(messages), len(messages))
        self.ensure_taken(
            messages,
            "Messages that failed were delivered again and confirmed, and did not arrive once each",
            "Send what deliver is given, whatever was sent before; keep nothing back for later.",
        )

    def test_what_failed_in_part_is_delivered_by_the_next_try(self) -> None:
        """The failed part of a batch, delivered again, completes it without a message twice."""
        producer, messages = self.producer(), self.batch()
        outcomes = self._under(producer, messages, self._partial(messages, 1))
        failed = [messages[index] for index in failed_at(outcomes)]
        self.ensure_confirmed(producer.deliver(failed), len(failed))
        self.ensure_taken(
            messages,
            "The failed part of a batch was delivered again, and the batch is not complete",
            "Report exactly what the service did not take, and send exactly what deliver is given.",
        )

    def _partial(self, messages: Sequence[Message], first: int) -> Fault:
        """Every other message is not taken; or all from an index on, if that is what can be."""
        scattered = _at(messages, range(min(first, len(messages) - 1), len(messages), 2))
        if self.channel.break_with(scattered) is None:
            return _at(messages, range(len(messages) // 2, len(messages)))
        return scattered

    def _at_every_index(self, kind: Kind) -> None:
        __tracebackhide__ = True
        producer = self.producer()
        for index in range(len(self.batch())):
            self._at(producer, [index], kind)

    def _at(self, producer: Producer, indexes: Iterable[int], kind: Kind) -> None:
        """Have the service not take these of a batch, and look at every outcome."""
        __tracebackhide__ = True
        messages, broken = self.batch(), sorted(indexes)
        fault = _at(messages, broken, kind)
        outcomes = self._under(producer, messages, fault)
        ensure(
            failed_at(outcomes) == broken,
            f"The service did not take the messages at {broken}; reported were those at "
            f"{failed_at(outcomes)}",
            expected=f"an error at {broken} and CONFIRMED everywhere else",
            fix=_READ_ANSWER,
        )
        for index in broken:
            ensure_classified(outcomes[index], fault)
        self.ensure_taken(
            [message for index, message in enumerate(messages) if index not in broken],
            f"With the messages at {broken} not taken, the service has the wrong ones",
            "Send each message of the batch once, whatever becomes of its neighbours.",
        )

    def _whole(self, fault: Fault) -> None:
        __tracebackhide__ = True
        messages = self.batch()
        outcomes = self._under(self.producer(), messages, fault)
        confirmed = sorted(set(range(len(messages))) - set(failed_at(outcomes)))
        ensure(
            not confirmed,
            f"Under {fault} the messages at {confirmed} were confirmed",
            expected="an error for each message",
            fix="Confirm what the service said that it has, and nothing else.",
        )
        for outcome in outcomes:
            ensure_classified(outcome, fault)
        self.ensure_taken(
            [], f"Under {fault} the service has messages all the same", "Send nothing later."
        )

    def _under(
        self, producer: Producer, messages: Sequence[Message], fault: Fault
    ) -> Sequence[Outcome]:
        """The outcomes of a deliver under a fault, one for each message."""
        __tracebackhide__ = True
        with self.broken(fault):
            try:
                outcomes = producer.deliver(messages)
            except Exception as error:
                raise ConformanceError(
                    f"Under {fault} deliver raised {type(error).__name__}: {error}",
                    expected="an outcome for each message",
                    fix="Turn what the driver raises into RetryableError and PermanentError, with "
                    "`raise … from error`, in _driver.py; core makes outcomes of those.",
                ) from error
        ensure(
            len(outcomes) == len(messages),
            f"deliver answered {len(outcomes)} outcomes for {len(messages)} messages",
            expected="one for each, in order",
            fix="Answer one outcome per message from _deliver.",
        )
        return outcomes


def _at(messages: Sequence[Message], indexes: Iterable[int], kind: Kind = "retryable") -> Fault:
    """The service does not take the messages at these indexes."""
    return Fault(at="deliver", kind=kind, indexes=frozenset(indexes), entries=len(messages))
