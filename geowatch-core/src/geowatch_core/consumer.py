"""A consumer brings messages from a channel, and settles them there."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from geowatch_core.codec import Codec
from geowatch_core.errors import AckError, AlreadySettledError
from geowatch_core.message import Message
from geowatch_core.role import Role

__all__ = ["Consumer"]


class Consumer(Role, ABC):
    """Brings messages from a channel, and settles them there.

    At least once: a message that was consumed and not acked comes again, after a nack at once,
    otherwise at the latest when the channel is opened again.

    ``consume`` is called by one thread at a time. ``ack``, ``nack`` and ``close`` may be called by
    others meanwhile, and a ``consume`` that waits returns soon after ``close``.

    A backend fills ``_consume``, ``_ack`` and ``_nack``, in batches, and moves bytes only.
    """

    def __init__(self, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self._settling = threading.Lock()

    @property
    def exhausted(self) -> bool:
        """Whether the channel has ended and nothing of it is left to bring. Streams never end."""
        return False

    def consume(self, count: int = 500, timeout: float = 1.0) -> list[Message]:
        """The next messages, at most `count`; an empty list if none came within `timeout` seconds.

        It returns as soon as it has something, rather than wait for a full batch.

        Raises:
            ClosedError: not open.
            RetryableError: the service did not answer.
            PermanentError: the service refused, or the position to go on from is gone.
        """
        self._require_open()
        if count < 1:
            raise ValueError(
                f"count must be at least 1 (got {count}). Ask for one message or more."
            )
        messages = self._consume(count, timeout)
        for message in messages:
            message.origin = self
        return messages

    def ack(self, messages: Sequence[Message]) -> None:
        """Settle: these were dealt with and must not come again.

        When it returns, the channel has remembered it. A message settles once.

        Raises:
            AlreadySettledError: one was settled before. This call settles none of the others.
            AckError: one came from another consumer, or stands there twice.
            RetryableError: the service did not answer. The messages stay unsettled.
        """
        self._settle(messages, "acked", self._ack)

    def nack(self, messages: Sequence[Message]) -> None:
        """Give back: these were not dealt with and shall come again at once.

        Raises:
            AlreadySettledError: one was settled before.
            AckError: one came from another consumer, or stands there twice.
            RetryableError: the service did not answer. The messages stay unsettled.
        """
        self._settle(messages, "nacked", self._nack)

    def _settle(
        self, messages: Sequence[Message], outcome: str, act: Callable[[Sequence[Message]], None]
    ) -> None:
        self._require_open()
        if not messages:
            return
        with self._settling:
            marked = self._mark(messages, outcome)
            try:
                act(messages)
            except BaseException:
                _unmark(marked)
                raise

    def _mark(self, messages: Sequence[Message], outcome: str) -> list[Message]:
        """Note the outcome in each delivery, or in none if one of them cannot be settled."""
        deliveries = [message._replaces or message for message in messages]
        for index, delivery in enumerate(deliveries):
            if delivery._settled is not None or delivery.origin is not self:
                before = deliveries[:index]
                _unmark(before)
                if delivery in before:
                    raise AckError(
                        f"A message of {self.name} is to be {outcome} twice in one call",
                        fix="Settle each delivery once.",
                    )
                raise self._cannot_settle(delivery, outcome)
            delivery._settled = outcome
        return deliveries

    def _cannot_settle(self, message: Message, outcome: str) -> AckError:
        if message.origin is not self:
            return AckError(
                f"{self.name} did not consume this message and cannot settle it",
                got=message.origin,
                fix="Settle a message at the consumer that brought it.",
            )
        return AlreadySettledError(
            f"A message of {self.name} was {message.settled} before and cannot be {outcome} now",
            got=message.position,
            fix="Settle each delivery once.",
        )

    @abstractmethod
    def _consume(self, count: int, timeout: float) -> list[Message]:
        """Fresh messages with ``data`` and ``position``, and what else the channel carries."""

    @abstractmethod
    def _ack(self, messages: Sequence[Message]) -> None:
        """Have the channel remember that these are done, before returning."""

    @abstractmethod
    def _nack(self, messages: Sequence[Message]) -> None:
        """Have these come again."""


def _unmark(deliveries: Sequence[Message]) -> None:
    for delivery in deliveries:
        delivery._settled = None
