"""Checks of a consumer whose service fails: the error says what it is, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

from geowatch_core.capabilities import Settlement
from geowatch_core.consumer import Consumer
from geowatch_core.message import Message
from geowatch_core.testing.consumer_base import ConsumerBase, datas
from geowatch_core.testing.fault import Fault
from geowatch_core.testing.kit import when
from geowatch_core.testing.verdict import ensure, ensure_same

__all__ = ["ConsumerFault"]

_RETRY_AFTER = 7.5
_settles = when(lambda claims: claims.settles is not Settlement.NONE, "it settles nothing")


class ConsumerFault(ConsumerBase, kit=True):
    """A failure is retryable or permanent, and never a loss."""

    def test_a_retryable_failure_to_consume_loses_nothing(self) -> None:
        """Consume raises RetryableError while the service does not answer, and goes on after it."""
        consumer = self.consumer()
        expected = self.put(["A", "B", "C"])
        fault = Fault(at="consume")
        with self.broken(fault):
            self.raised(self._consuming(consumer), fault)
        self.ensure_brought(self.everything(consumer, len(expected)), expected)

    def test_a_permanent_failure_to_consume_is_said(self) -> None:
        """Consume raises PermanentError where the service refuses for good."""
        consumer = self.consumer()
        fault = Fault(at="consume", kind="permanent")
        with self.broken(fault):
            self.raised(self._consuming(consumer), fault)

    def test_consume_says_when_to_try_again(self) -> None:
        """The error of consume has the seconds that the service asked to wait."""
        consumer = self.consumer()
        fault = Fault(at="consume", retry_after=_RETRY_AFTER)
        with self.broken(fault):
            self.raised(self._consuming(consumer), fault)

    @_settles
    def test_a_failed_ack_settles_nothing(self) -> None:
        """When ack raises RetryableError the messages are unsettled, here and in the channel."""
        self._fails("ack", Fault(at="ack"))

    @_settles
    def test_a_failed_nack_settles_nothing(self) -> None:
        """When nack raises RetryableError the messages are unsettled, here and in the channel."""
        self._fails("nack", Fault(at="nack"))

    @_settles
    def test_a_failed_ack_can_be_repeated(self) -> None:
        """An ack that failed works when the service is back, and the messages are gone."""
        consumer = self.consumer()
        messages = self.take(consumer, ["A", "B", "C"])
        fault = Fault(at="ack")
        with self.broken(fault):
            self.raised(lambda: consumer.ack(messages), fault)
        consumer.ack(messages)
        ensure_same(
            datas(self.everything(self.reopen(consumer))),
            [],
            "Messages came again although their ack was repeated and returned",
            fix="Note a position as settled only after the service took it: SettledPrefix.reach() "
            "says how far an ack would move, settle() notes it.",
        )

    @_settles
    def test_a_permanent_failure_to_ack_is_said(self) -> None:
        """Ack raises PermanentError where the service refuses for good, such as a lost lease."""
        self._fails("ack", Fault(at="ack", kind="permanent"))

    def _fails(self, name: Literal["ack", "nack"], fault: Fault) -> None:
        __tracebackhide__ = True
        consumer = self.consumer()
        messages = self.take(consumer, ["A", "B", "C"])
        settle: Callable[[Sequence[Message]], None] = getattr(consumer, name)
        with self.broken(fault):
            self.raised(lambda: settle(messages), fault)
            ensure(
                all(message.settled is None for message in messages),
                f"After a failed {name} the messages are {[m.settled for m in messages]}",
                expected="that they are still unsettled",
                fix="Leave ack and nack as core has them; raise from _ack and _nack.",
            )
        ensure_same(
            datas(self.everything(self.reopen(consumer), len(messages))),
            datas(messages),
            f"After {fault} a reopen did not bring the messages again",
            fix=f"Change nothing of one's own in _{name} before the service took it.",
        )

    def _consuming(self, consumer: Consumer) -> Callable[[], None]:
        """Consume until something is raised; a client may need a moment to notice."""

        def act() -> None:
            deadline = time.monotonic() + self.channel.patience
            while time.monotonic() < deadline and not consumer.consume(10, 0.2):
                pass

        return act
