"""Checks of time and pressure: redelivery after a while, saturation, bounded memory."""

from __future__ import annotations

import inspect
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

from geowatch_core.capabilities import Settlement
from geowatch_core.consumer import Consumer
from geowatch_core.message import Message
from geowatch_core.testing.consumer_base import ConsumerBase, consume, datas, gather, until_quiet
from geowatch_core.testing.kit import when
from geowatch_core.testing.verdict import ensure, ensure_same, not_proven

__all__ = ["ConsumerPressure"]

_LONGEST_WAIT: Final = 3.0
"""Seconds that a check waits for a redelivery; for a longer one the harness offers a shorter."""

_PREFETCH: Final = 100
"""Messages beyond those asked for that a consumer may fetch ahead where it has no limit."""

_ROUND: Final = 100
_BYTES_EACH: Final = 16
"""Bytes per settled message above which its state is still held: a position alone takes more."""


class ConsumerPressure(ConsumerBase, kit=True):
    """What was not settled holds back what follows, and costs no memory without bound."""

    @when(lambda claims: claims.settles is not Settlement.NONE, "it settles nothing")
    def test_unsettled_messages_come_again_after_their_time(self) -> None:
        """An unsettled message comes again by itself when it is claimed to, and not before."""
        found = self._redelivering()
        if found is None:
            self._stays_away()
            return
        more, seconds = found
        consumer = self.consumer(**more)
        began = time.monotonic()
        first, kept = self.take(consumer, ["A", "B"])
        consumer.ack([kept])
        early = consume(consumer, 10, max(began + seconds / 2 - time.monotonic(), 0.0))
        ensure_same(
            datas(early),
            [],
            f"A message came again long before its {seconds:g} s were over",
            fix="Hand on the visibility timeout or lease that the options give.",
        )
        again = gather(consumer, 1, seconds + self.channel.patience)
        ensure_same(
            datas(again),
            [first.data],
            f"After {seconds:g} s the wrong messages came again",
            fix="Let the service give back what is not settled in time, or do so in _consume.",
        )
        consumer.ack(again)
        ensure_same(
            datas(self.everything(self.reopen(consumer, **more))),
            [],
            "A message that was acked at its second delivery came again",
            fix="Settle with the latest receipt that the service gave.",
        )

    @when(lambda claims: claims.settles is not Settlement.NONE, "it settles nothing")
    def test_saturation_holds_back_and_resumes(self) -> None:
        """With as many unsettled messages as there may be no more come; after an ack they do."""
        more, most = self._saturating()
        consumer = self.consumer(**more)
        expected = self.put([f"message {i:03}" for i in range(most + 3)])
        held = gather(consumer, most, self.channel.patience)
        beyond = self._held_back(consumer)
        ensure_same(
            datas(held + beyond),
            expected[:most],
            f"The limit of {most} unsettled messages was not kept",
            fix="Count what was consumed and not settled, and ask for at most what is left.",
        )
        consumer.ack(held[:2])
        resumed = gather(consumer, 2, self.channel.patience)
        ensure(
            len(resumed) == 2 and not self._held_back(consumer),
            f"After an ack of 2 messages {len(resumed)} of 2 came, or more than may",
            expected="that as many come as were settled, and no more",
            fix="Make room in _ack and _nack, and wake the call of _consume that waits.",
        )
        consumer.ack(held[2:] + resumed)
        last = gather(consumer, 1, self.channel.patience)
        brought = datas(held + resumed + last)
        ensure_same(brought, expected, "Saturation lost messages", fix="Lose none.")

    def test_buffering_is_bounded(self) -> None:
        """However much there is in the channel, a consumer fetches little beyond what it brings."""
        total = max(self.channel.many, 2 * _PREFETCH)
        if self.channel.raw_waiting() is None:
            not_proven(
                "how much is fetched ahead: "
                f"{type(self.channel).__name__}.raw_waiting cannot tell what the service still has"
            )
        consumer = self.consumer()
        self.put([f"message {i:06}" for i in range(total)])
        brought = gather(consumer, 10, self.channel.patience, most=10)
        waiting = self.channel.raw_waiting() or 0
        ensure(
            total - waiting <= len(brought) + _PREFETCH,
            f"Of {total} messages {total - waiting} left the service although {len(brought)} were "
            "asked for",
            expected=f"at most {_PREFETCH} fetched ahead",
            fix="Ask the service for `count` messages at a time, not for all there are.",
        )

    @when(lambda claims: claims.settles is not Settlement.NONE, "it settles nothing")
    def test_what_was_settled_is_forgotten(self) -> None:
        """The memory of a consumer does not grow with what it has settled."""
        consumer = self.consumer()
        package = str(Path(inspect.getfile(type(consumer))).parent / "*")
        rounds = max(self.channel.many // _ROUND, 2)

        def settle_many() -> None:
            for _ in range(rounds):
                self._round(consumer)

        grown = _grown(package, settle_many)
        ensure(
            grown < rounds * _ROUND * _BYTES_EACH,
            f"After {rounds * _ROUND} settled messages the consumer holds {grown} bytes more",
            expected="no more than before",
            fix="Forget a position as soon as nothing before it is unsettled.",
        )

    def _round(self, consumer: Consumer) -> None:
        self.put([f"message {i:03}" for i in range(_ROUND)])
        consumer.ack(gather(consumer, _ROUND, self.channel.patience))

    def _held_back(self, consumer: Consumer) -> list[Message]:
        """What comes although nothing may."""
        return until_quiet(consumer, self.channel.silence)

    def _stays_away(self) -> None:
        """Where nothing is claimed, what is unsettled comes again neither soon nor twice."""
        consumer = self.consumer()
        self.take(consumer, ["A", "B"])
        ensure_same(
            datas(consume(consumer, 10, 3 * self.channel.silence)),
            [],
            "Unsettled messages came again by themselves",
            fix="Bring each message once until it is nacked; or claim redelivers_after.",
        )

    def _redelivering(self) -> tuple[dict[str, object], float] | None:
        offered, claimed = self.channel.redelivering(), self.claims.redelivers_after
        if offered is not None:
            return dict(offered[0]), offered[1]
        if claimed is None:
            return None
        if claimed > _LONGEST_WAIT:
            not_proven(
                f"redelivery after {claimed:g} s: {type(self.channel).__name__}.redelivering "
                "offers no shorter time"
            )
        return {}, claimed

    def _saturating(self) -> tuple[dict[str, object], int]:
        offered, claimed = self.channel.saturating(), self.claims.max_unsettled
        if offered is not None:
            return dict(offered[0]), offered[1]
        if claimed is None or claimed > self.channel.many:
            limit = "no limit is claimed" if claimed is None else f"the limit is {claimed}"
            not_proven(
                f"saturation: {limit} and {type(self.channel).__name__}.saturating offers no small "
                "one"
            )
        return {}, claimed


def _grown(package: str, act: Callable[[], object]) -> int:
    """Bytes that code of `package` allocated meanwhile and still holds."""
    filters = [tracemalloc.Filter(True, package)]
    began = not tracemalloc.is_tracing()
    if began:
        tracemalloc.start()
    try:
        act()  # for what is allocated once
        before = tracemalloc.take_snapshot().filter_traces(filters)
        act()
        after = tracemalloc.take_snapshot().filter_traces(filters)
    finally:
        if began:
            tracemalloc.stop()
    return sum(difference.size_diff for difference in after.compare_to(before, "filename"))
