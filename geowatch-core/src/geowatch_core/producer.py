"""A producer delivers messages to a channel, and says of each whether it was confirmed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.sink import Sink, merged

__all__ = ["Producer"]


class Producer(Sink):
    """Delivers messages to a channel, and says of each whether it was confirmed.

    A backend fills ``_deliver``: one call of its service, whose size its capabilities bound.
    """

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        """Encode and deliver; one outcome for each message, in order.

        `CONFIRMED` means that the channel has the message. Nothing is buffered past the return.

        Raises:
            ClosedError: not open.
        """
        encoded, refused = self.encode(messages)
        return merged(len(messages), refused, self.deliver_encoded(encoded))

    def deliver_encoded(self, messages: Sequence[Message]) -> list[Outcome]:
        """Deliver messages whose ``data`` is already in this producer's codec.

        Raises:
            ClosedError: not open.
        """
        self._require_open()
        refused = self._too_large(messages)
        fitting = [m for i, m in enumerate(messages) if i not in refused] if refused else messages
        answers: list[Outcome] = []
        for run in self._calls(list(fitting)):
            answers += self._answered(run)
        return merged(len(messages), refused, answers)

    def _answered(self, run: list[Message]) -> Sequence[Outcome]:
        try:
            outcomes = self._deliver(run)
        except (RetryableError, PermanentError) as error:
            return [error] * len(run)
        if len(outcomes) != len(run):
            raise TypeError(
                f"{type(self).__name__}._deliver answered {len(outcomes)} outcomes for {len(run)} "
                "messages. Return one for each, in order."
            )
        return outcomes

    @abstractmethod
    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        """Deliver ``data`` with key, headers and time; one outcome for each message, in order.

        Raises:
            RetryableError: none was delivered, as far as is known.
            PermanentError: none was delivered, nor ever will be.
        """
