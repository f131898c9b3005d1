"""What the checks of producers do: deliver, and look at what the service has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, cast

from geowatch_core.backend import AnyRole, RoleName
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.producer import Producer
from geowatch_core.testing.consumer_base import datas
from geowatch_core.testing.role_kit import RoleKit
from geowatch_core.testing.verdict import ensure, ensure_same

__all__ = ["ProducerBase", "failed_at"]


class ProducerBase(RoleKit, kit=True):
    """Checks of a producer."""

    role: ClassVar[RoleName] = "producer"

    def producer(self, **more: Any) -> Producer:
        """An open producer of the fresh channel."""
        return cast(Producer, self.opened(**more))

    def use(self, role: AnyRole) -> Sequence[object]:
        """Deliver one message."""
        return cast(Producer, role).deliver([self.message("used")])

    def messages(self, texts: Iterable[str]) -> list[Message]:
        """Messages to deliver."""
        return [self.message(text) for text in texts]

    def batch(self, most: int = 5) -> list[Message]:
        """As many messages as one call of the service takes, at most `most`."""
        return self.messages("ABCDEFGHIJ"[: min(most, self.claims.max_batch or most)])

    def ensure_confirmed(self, outcomes: Sequence[Outcome], count: int) -> None:
        """Refuse anything but that many confirmations."""
        __tracebackhide__ = True
        ensure(
            len(outcomes) == count,
            f"deliver answered {len(outcomes)} outcomes for {count} messages",
            expected="one for each, in order",
            fix="Leave deliver as core has it; answer one outcome per message from _deliver.",
        )
        failed = failed_at(outcomes)
        ensure(
            not failed,
            f"A healthy service did not take the messages at {failed}: "
            f"{outcomes[failed[0]] if failed else ''}",
            expected="CONFIRMED for each",
            fix="Make calls that the service accepts: mind its limits of entries and bytes, and "
            "what it demands of each message.",
        )

    def ensure_taken(self, expected: Iterable[Message], broke: str, fix: str) -> list[Message]:
        """Refuse anything in the service but these; what is there."""
        __tracebackhide__ = True
        taken = self.channel.raw_take()
        ensure_same(datas(taken), datas(expected), broke, fix=fix)
        return taken


def failed_at(outcomes: Sequence[Outcome]) -> list[int]:
    """The indexes that are not confirmed."""
    return [index for index, outcome in enumerate(outcomes) if outcome is not CONFIRMED]
