"""What the checks of consumers do: fill the channel, consume, open it again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, cast

from geowatch_core.backend import AnyRole, RoleName
from geowatch_core.capabilities import Order, Settlement
from geowatch_core.consumer import Consumer
from geowatch_core.message import Message
from geowatch_core.testing.background import background, within
from geowatch_core.testing.role_kit import PROMPT, RoleKit
from geowatch_core.testing.verdict import ensure_same

__all__ = ["ConsumerBase", "datas", "gather", "until_quiet"]

_SLICE = 0.5
_ENDLESS = 10


class ConsumerBase(RoleKit, kit=True):
    """Checks of a consumer."""

    role: ClassVar[RoleName] = "consumer"

    def consumer(self, **more: Any) -> Consumer:
        """An open consumer of the fresh channel."""
        return cast(Consumer, self.opened(**more))

    def use(self, role: AnyRole) -> Sequence[object]:
        """Consume two messages, ack the one and nack the other."""
        consumer = cast(Consumer, role)
        consumer.consume(1, 0.01)  # says at once that it is not open
        self.put(["used", "given back"])
        messages = gather(consumer, 2, self.channel.patience)
        consumer.ack(messages[:1])
        consumer.nack(messages[1:])
        return messages

    def put(self, texts: Iterable[str]) -> list[bytes]:
        """Put messages into the channel past the code under test; their bytes."""
        messages = [self.message(text) for text in texts]
        self.channel.raw_put(messages)
        return datas(messages)

    def take(self, consumer: Consumer, texts: Sequence[str]) -> list[Message]:
        """Put messages into an empty channel and consume them; the messages in this order."""
        expected = self.put(texts)
        messages = gather(consumer, len(expected), self.channel.patience)
        self.ensure_brought(messages, expected)
        by_data = {message.data: message for message in messages}
        return [by_data[data] for data in expected]

    def ensure_brought(self, messages: Sequence[Message], expected: Sequence[bytes]) -> None:
        """Refuse anything but these messages, in order where the channel keeps all in order."""
        __tracebackhide__ = True
        ensure_same(
            datas(messages),
            expected,
            "The consumer did not bring what is in the channel",
            fix="Give every message of the service to the caller once, its bytes untouched. If the "
            f"channel is slower than {self.channel.patience:g} s, raise the harness's patience.",
            ordered=self.claims.order is Order.ALL,
        )

    def everything(self, consumer: Consumer, at_least: int = 0) -> list[Message]:
        """What the consumer brings: patiently the first messages, then until it is quiet."""
        first = gather(consumer, at_least, self.channel.patience)
        return first + until_quiet(consumer, self.channel.silence)

    def close(self, consumer: Consumer) -> None:
        """Close in time, or say that it hangs."""
        within(
            self.channel.patience,
            background(consumer.close),
            "close() did not return",
            fix="Have _close give up what it waits for.",
        )

    def reopen(self, consumer: Consumer, **more: Any) -> Consumer:
        """Another consumer of the channel, after closing this one."""
        self.close(consumer)
        return self.consumer(**more)

    @property
    def settles_prefix(self) -> bool:
        """Whether the source settles by position."""
        return self.claims.settles is Settlement.PREFIX


def datas(messages: Iterable[Message]) -> list[bytes]:
    """The bytes of each message."""
    return [message.data for message in messages]


def consume(consumer: Consumer, count: int, timeout: float) -> list[Message]:
    """What one call brings; a consumer that hangs must not hang the check."""
    __tracebackhide__ = True
    return within(
        timeout + 2 * PROMPT,
        background(lambda: consumer.consume(count, timeout)),
        f"consume(timeout={timeout:g}) goes on long after its timeout",
        fix="Pass `timeout` on to the service, cut into waits of a second at most.",
    )


def gather(consumer: Consumer, count: int, patience: float, most: int = 500) -> list[Message]:
    """The next `count` messages; fewer if `patience` seconds bring no more."""
    messages: list[Message] = []
    deadline = time.monotonic() + patience
    while len(messages) < count and time.monotonic() < deadline:
        more = consume(consumer, min(count - len(messages), most), _SLICE)
        messages += more
        if more:
            deadline = time.monotonic() + patience
    return messages


def until_quiet(consumer: Consumer, silence: float) -> list[Message]:
    """Whatever comes until nothing came for a while."""
    messages: list[Message] = []
    for _ in range(_ENDLESS):  # what comes again and again for ever has been seen by then
        more = consume(consumer, 500, silence)
        if not more:
            break
        messages += more
    return messages
