"""A producer delivers messages to a channel, and says of each whether it was confirmed."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from geowatch_core.codec import Codec
from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.key import KeyFinder
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.path import Path
from geowatch_core.sink import Sink, merged

__all__ = ["Producer"]


class Producer(Sink):
    """Delivers messages to a channel, and says of each whether it was confirmed.

    A backend fills ``_deliver``: one call of its service, whose size its capabilities bound.

    Args:
        key: the path of the value that is to be a message's key; the message's own key, if not
            given or where there is no such value.

    Attributes:
        calls_at_once: how many calls of the service one ``deliver`` may have under way. More than
            one suits a client that waits for each answer, and a channel that keeps no order.
    """

    calls_at_once: int = 1

    def __init__(self, *, name: str, codec: Codec, key: Path | None = None) -> None:
        super().__init__(name=name, codec=codec)
        self._keys = None if key is None else KeyFinder(codec, key)
        self._pool: ThreadPoolExecutor | None = None
        self._pool_made = threading.Lock()

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
        if self._keys is not None:
            messages = self._keys.keyed(messages)
        refused = self._too_large(messages)
        fitting = [m for i, m in enumerate(messages) if i not in refused] if refused else messages
        calls = list(self._calls(list(fitting)))
        if len(calls) > 1 and self.calls_at_once > 1:
            answers = self._threads().map(self._answered, calls)
        else:
            answers = map(self._answered, calls)
        return merged(len(messages), refused, list(chain.from_iterable(answers)))

    def close(self) -> None:
        """Let go of every resource; what was not confirmed is the caller's still."""
        super().close()
        if self._pool is not None:
            self._pool.shutdown()

    def _threads(self) -> ThreadPoolExecutor:
        with self._pool_made:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.calls_at_once, f"geowatch {self.name}")
            return self._pool

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

        Called by several threads at once where ``calls_at_once`` is more than 1.

        Raises:
            RetryableError: none was delivered, as far as is known.
            PermanentError: none was delivered, nor ever will be.
        """
