"""Checks of settlement: what was acked is gone, and everything else comes again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from geowatch_core.capabilities import Order, Settlement
from geowatch_core.errors import AckError, AlreadySettledError
from geowatch_core.message import Message
from geowatch_core.testing.consumer_base import ConsumerBase, datas, gather, until_quiet
from geowatch_core.testing.kit import when
from geowatch_core.testing.verdict import ConformanceError, ensure, ensure_same

__all__ = ["ConsumerSettlement"]

_settles = when(lambda claims: claims.settles is not Settlement.NONE, "it settles nothing")


class ConsumerSettlement(ConsumerBase, kit=True):
    """At least once: only an ack ends a message."""

    @_settles
    def test_unsettled_messages_come_again_after_reopen(self) -> None:
        """What was consumed and neither acked nor nacked comes again after a reopen."""
        consumer = self.consumer()
        messages = self.take(consumer, ["A", "B", "C", "D"])
        for _ in range(2):
            consumer = self.reopen(consumer)
            self._ensure_again(
                self.everything(consumer, len(messages)),
                datas(messages),
                "Messages that were consumed and not settled did not all come again after a reopen",
                "Settle nothing before ack: no delete, no commit, no position at consume.",
            )

    @_settles
    def test_acked_messages_never_come_again(self) -> None:
        """An acked message comes again neither to its consumer nor after a reopen."""
        consumer = self.consumer()
        consumer.ack(self.take(consumer, ["A", "B", "C"]))
        again = until_quiet(consumer, self.channel.silence)
        again += self.everything(self.reopen(consumer))
        self._ensure_again(
            again, [], "Acked messages came again", "Have the channel remember in _ack."
        )

    @_settles
    def test_a_nack_brings_the_message_again_at_once(self) -> None:
        """A nacked message comes again without a reopen, as often as it is nacked, until acked."""
        consumer = self.consumer()
        a, b, c = self.take(consumer, ["A", "B", "C"])
        consumer.ack([a, c])
        outstanding = [b]
        for _ in range(3):
            consumer.nack(outstanding)
            outstanding = gather(consumer, 1, self.channel.patience)
            outstanding += until_quiet(consumer, self.channel.silence)
            ensure(
                b.data in datas(outstanding) and b not in outstanding,
                f"A nacked message did not come again within {self.channel.patience:g} s",
                expected="a new delivery of it, to the same consumer",
                fix="Have _nack give it back, and _consume bring it before later ones.",
            )
        if not self.settles_prefix:
            self._ensure_again(outstanding, [b.data], "A nack gave back too much", "Only that one.")
        consumer.ack(outstanding)
        self._ensure_nothing_left(self.everything(self.reopen(consumer)))

    @_settles
    def test_out_of_order_settlement_brings_back_what_is_not_done(self) -> None:
        """After ack of A, B, D and nack of C, E, a reopen brings C and E; by prefix C, D and E."""
        consumer = self.consumer()
        a, b, c, d, e = self.take(consumer, ["A", "B", "C", "D", "E"])
        consumer.ack([d])
        consumer.ack([a, b])
        consumer.nack([c, e])
        back = [c, d, e] if self.settles_prefix else [c, e]
        self._ensure_again(
            self.everything(self.reopen(consumer), len(back)),
            datas(back),
            "After ack of A, B, D and nack of C, E a reopen brought the wrong messages",
            "Follow positions with SettledPrefix and commit only how far it reached."
            if self.settles_prefix
            else "Settle exactly the messages that ack names, and give back those of nack.",
        )

    @_settles
    def test_a_later_ack_never_settles_an_earlier_message(self) -> None:
        """After an ack of only the last two of five, a reopen brings at least the first three."""
        consumer = self.consumer()
        messages = self.take(consumer, ["A", "B", "C", "D", "E"])
        consumer.ack([messages[4]])
        consumer.ack([messages[3]])
        back = messages if self.settles_prefix else messages[:3]
        self._ensure_again(
            self.everything(self.reopen(consumer), len(back)),
            datas(back),
            "An ack of D and E settled past the unsettled messages before them",
            "Commit only the contiguous prefix of what was acked: SettledPrefix follows it.",
        )

    @_settles
    def test_settling_in_reverse_settles_all(self) -> None:
        """Messages that are acked one by one from the last to the first are all gone."""
        consumer = self.consumer()
        for message in reversed(self.take(consumer, ["A", "B", "C", "D", "E"])):
            consumer.ack([message])
        self._ensure_nothing_left(self.everything(self.reopen(consumer)))

    def test_a_message_settles_once(self) -> None:
        """A second settlement raises, and names the first outcome."""
        consumer = self.consumer()
        a, b = self.take(consumer, ["A", "B"])
        consumer.ack([a])
        consumer.nack([b])
        for message, first in ((a, "acked"), (b, "nacked")):
            for settle in (consumer.ack, consumer.nack):
                error = _refused(settle, [message], AlreadySettledError)
                ensure(
                    first in str(error),
                    f"The error of a second settlement does not say that it was {first}: {error}",
                    expected=f"the first outcome, {first}, by name",
                    fix="Leave ack and nack as core has them; fill _ack and _nack.",
                )

    @_settles
    def test_a_refused_settlement_settles_nothing(self) -> None:
        """A call that is refused for one message leaves all others unsettled."""
        consumer = self.consumer()
        a, b = self.take(consumer, ["A", "B"])
        consumer.ack([a])
        _refused(consumer.ack, [b, a], AlreadySettledError)
        ensure(
            b.settled is None,
            f"A refused ack left another message of the call {b.settled}",
            expected="that it is still unsettled",
            fix="Leave ack and nack as core has them; fill _ack and _nack.",
        )
        self._ensure_again(
            self.everything(self.reopen(consumer), 1),
            [b.data],
            "A refused ack settled another message of the call",
            "Look at all messages before the service is asked to settle any.",
        )

    def test_a_message_of_another_consumer_is_refused(self) -> None:
        """Only the consumer that brought a message settles it."""
        consumer = self.consumer()
        (message,) = self.take(consumer, ["A"])
        stranger = Message(message.data, position=message.position)
        _refused(consumer.ack, [stranger], AckError)
        _refused(consumer.nack, [stranger], AckError)

    def test_settling_nothing_does_nothing(self) -> None:
        """An ack or nack of no messages is fine."""
        consumer = self.consumer()
        consumer.ack([])
        consumer.nack([])

    def _ensure_nothing_left(self, again: Sequence[Message]) -> None:
        __tracebackhide__ = True
        fix = "Once the last gap is acked, everything up to the next gap is settled."
        self._ensure_again(again, [], "Messages came again although all were acked", fix)

    def _ensure_again(
        self, again: Sequence[Message], expected: Sequence[bytes], broke: str, fix: str
    ) -> None:
        __tracebackhide__ = True
        in_order = self.claims.order is Order.ALL
        ensure_same(datas(again), expected, broke, fix=fix, ordered=in_order)


def _refused(
    settle: Callable[[Sequence[Message]], None],
    messages: Sequence[Message],
    kind: type[AckError],
) -> AckError:
    """The error of a settlement that cannot be."""
    __tracebackhide__ = True
    fix = "Leave ack and nack as core has them; fill _ack and _nack."
    try:
        settle(messages)
    except AckError as error:
        ensure(isinstance(error, kind), f"{error!r} was raised", expected=kind.__name__, fix=fix)
        return error
    except Exception as error:
        raise ConformanceError(
            f"A settlement that cannot be raised {type(error).__name__}: {error}",
            expected=kind.__name__,
            fix=fix,
        ) from error
    raise ConformanceError(
        "A settlement that cannot be was accepted", expected=kind.__name__, fix=fix
    )
