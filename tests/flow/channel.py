"""A source and a sink that remember everything, and fail as they are told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from geowatch_core.capabilities import Capabilities
from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.flow.retry import Retry
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.producer import Producer
from tests.flow.codec import JSON

__all__ = ["AT_ONCE", "LATER", "NEVER", "Given", "Kept", "data", "numbers"]

AT_ONCE = Retry(attempts=4, base=0, cap=0)
LATER = RetryableError("Busy", fix="Come back.")
NEVER = PermanentError("Refused", fix="Give up.")


def data(*values: Any) -> list[bytes]:
    """Values as the bytes of the test codec."""
    return [JSON.encode(value) for value in values]


def numbers(count: int) -> list[bytes]:
    """Numbered messages."""
    return data(*({"n": n} for n in range(count)))


class Given(Consumer):
    """Brings what it was given, in order, and what was given back before all else.

    Args:
        items: bytes, or messages with headers and the like.
        ends: whether it is exhausted when it has nothing left.
    """

    def __init__(
        self,
        items: Sequence[bytes | Message] = (),
        *,
        name: str = "given",
        codec: Codec = JSON,
        ends: bool = True,
    ) -> None:
        super().__init__(name=name, codec=codec)
        self.ready = [
            Message(item.data, item.key, item.headers, item.time, at)
            if isinstance(item, Message)
            else Message(item, position=at)
            for at, item in enumerate(items)
        ]
        self.unsettled: dict[int, Message] = {}
        self.acked: list[int] = []
        self.nacked: list[int] = []
        self.asked: list[tuple[int, float]] = []
        self.most_unsettled = 0
        self._ends = ends
        self._wake = threading.Event()

    @property
    def exhausted(self) -> bool:
        """Whether it ends, and nothing waits."""
        return self._ends and not self.ready

    def _consume(self, count: int, timeout: float) -> list[Message]:
        self.asked.append((count, timeout))
        if not self.ready:
            self._wake.wait(timeout)
        batch, self.ready = self.ready[:count], self.ready[count:]
        self.unsettled |= {message.position: message for message in batch}
        self.most_unsettled = max(self.most_unsettled, len(self.unsettled))
        return batch

    def _ack(self, messages: Sequence[Message]) -> None:
        self.acked += self._settled(messages)

    def _nack(self, messages: Sequence[Message]) -> None:
        self.nacked += self._settled(messages)
        again = [Message(m.data, m.key, m.headers, m.time, m.position) for m in messages]
        self.ready = again + self.ready

    def _settled(self, messages: Sequence[Message]) -> list[int]:
        positions = [message.position for message in messages]
        for position in positions:
            del self.unsettled[position]
        return positions

    def _close(self) -> None:
        self._wake.set()


class Kept(Producer):
    """Keeps what it was brought, and answers as it is told.

    Args:
        answer: the outcome of one message, from its bytes and how often it was brought before.
        gate: where every call waits until it is set.
    """

    capabilities = Capabilities()

    def __init__(
        self,
        answer: Callable[[bytes, int], Outcome] = lambda _data, _tries: CONFIRMED,
        *,
        name: str = "kept",
        codec: Codec = JSON,
        gate: threading.Event | None = None,
    ) -> None:
        super().__init__(name=name, codec=codec)
        self.got: list[bytes] = []
        self.calls: list[list[bytes]] = []
        self.messages: list[Message] = []
        self._answer = answer
        self._gate = gate
        self._tries: Counter[bytes] = Counter()
        self.reached = threading.Event()

    @property
    def values(self) -> list[Any]:
        """What it confirmed, decoded."""
        return [self.codec.decode(item) for item in self.got]

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        self.reached.set()
        if self._gate is not None:
            self._gate.wait(30)
        self.calls.append([message.data for message in messages])
        outcomes = []
        for message in messages:
            outcomes.append(self._answer(message.data, self._tries[message.data]))
            self._tries[message.data] += 1
            if outcomes[-1] is CONFIRMED:
                self.got.append(message.data)
                self.messages.append(message)
        return outcomes
