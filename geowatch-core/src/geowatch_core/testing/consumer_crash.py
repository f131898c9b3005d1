"""A check of a consumer whose process dies."""

from __future__ import annotations

from geowatch_core.capabilities import Settlement
from geowatch_core.testing import child
from geowatch_core.testing.consumer_base import ConsumerBase, datas, gather
from geowatch_core.testing.kit import when
from geowatch_core.testing.verdict import ensure_same

__all__ = ["ConsumerCrash"]


class ConsumerCrash(ConsumerBase, kit=True):
    """What was acked is remembered when ack returns, not when the process ends well."""

    @when(
        lambda claims: claims.persistent and claims.settles is not Settlement.NONE,
        "persistent is not claimed, or nothing is settled",
    )
    def test_a_crash_forgets_no_ack_and_settles_nothing_else(self) -> None:
        """After a process died that had acked two of four messages, the other two come again."""
        offered = self.channel.redelivering()
        more, seconds = offered or ({}, self.claims.redelivers_after or 0.0)
        expected = self.put(["A", "B", "C", "D"])
        job = {"backend": self.channel.backend, "role": "consumer", "count": 4, "ack": 2}
        options = self.channel.given("consumer", more)
        brought = child.run({**job, "patience": self.channel.patience}, options)
        first = [bytes.fromhex(data) for data in brought]
        fix = "Bring what is in the channel to any process that asks."
        ensure_same(first, expected, "A process of its own did not get all messages", fix=fix)
        consumer = self.consumer(**more)
        again = gather(consumer, 2, self.channel.patience + seconds)
        ensure_same(
            datas(again + self.everything(consumer)),
            first[2:],
            "After a process died that had acked two of four messages, the wrong ones came again",
            fix="Wait in _ack until the service has it; settle nothing anywhere else.",
        )
