"""Memory backends that fail, hang for a moment, and die as a fault plan says."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.memory.consumer import MemoryConsumer
from geowatch_core.memory.options import MemoryConsumerOptions, MemoryProducerOptions
from geowatch_core.memory.producer import MemoryProducer
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from tests.flow.codec import JSON

__all__ = ["POINTS", "Crash", "Faults", "FlakyConsumer", "FlakyProducer"]

POINTS = [
    f"{call} {when}"
    for call in ("consume", "deliver", "ack", "nack")
    for when in ("before", "after")
]


class Crash(Exception):  # noqa: N818 - no error of anybody: the process has died
    """Nothing that this process does has any effect from here on."""


class Faults:
    """What is to go wrong.

    Args:
        answers: for one delivered message after another: ok, later, never, slow, leak.
        point: where to crash, at the `after`-th passage.
    """

    def __init__(self, answers: Sequence[str] = (), point: str = "", after: int = 0) -> None:
        self.answers = deque(answers)
        self.crashed = False
        self._point = point
        self._left = after
        self._lock = threading.Lock()

    def passing(self, point: str) -> None:
        """A call of the broker's comes by."""
        with self._lock:
            if point == self._point:
                self._left -= 1
                self.crashed = self.crashed or self._left < 0
            if self.crashed:
                raise Crash(point)

    def answer(self) -> str:
        """What happens to the next message."""
        with self._lock:
            return self.answers.popleft() if self.answers else "ok"


class FlakyConsumer(MemoryConsumer):
    def __init__(self, topic: str, faults: Faults) -> None:
        options = MemoryConsumerOptions(topic=topic, until_empty=True)
        super().__init__(options, name=topic, codec=JSON)
        self.faults = faults

    def _consume(self, count: int, timeout: float) -> list[Message]:
        self.faults.passing("consume before")
        messages = super()._consume(count, timeout)
        self.faults.passing("consume after")
        return messages

    def _ack(self, messages: Sequence[Message]) -> None:
        self.faults.passing("ack before")
        if self.faults.answer() == "later":
            raise RetryableError("No answer", fix="Ack again.")
        super()._ack(messages)
        self.faults.passing("ack after")

    def _nack(self, messages: Sequence[Message]) -> None:
        self.faults.passing("nack before")
        super()._nack(messages)
        self.faults.passing("nack after")


class FlakyProducer(MemoryProducer):
    def __init__(self, topic: str, faults: Faults) -> None:
        super().__init__(MemoryProducerOptions(topic=topic), name=topic, codec=JSON)
        self.faults = faults

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        self.faults.passing("deliver before")
        outcomes = [self._one(message) for message in messages]
        self.faults.passing("deliver after")
        return outcomes

    def _one(self, message: Message) -> Outcome:
        match self.faults.answer():
            case "later":
                return RetryableError("Busy", fix="Come back.")
            case "never":
                return PermanentError("Refused", fix="Give up.")
            case "slow":
                time.sleep(0.002)
            case "leak":
                raise ZeroDivisionError("a driver's own error")
        return super()._deliver([message])[0]
