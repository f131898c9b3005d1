"""Delivers batches to one producer or store, again and again until it has answered for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from geowatch_core.errors import RetryableError
from geowatch_core.flow.failure import Failure
from geowatch_core.flow.retry import Retry
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.producer import Producer
from geowatch_core.store import Store

__all__ = ["Destination"]


class Destination:
    """One producer or store of a broker.

    Only what failed is tried again, and only as often as the retry policy says.

    Args:
        sink: the producer or store.
        name: its name, unique within the broker.
        retry: when to give up.
        abandoned: set when the broker no longer waits; retrying ends at once.
    """

    def __init__(
        self, sink: Producer | Store, name: str, retry: Retry, abandoned: threading.Event
    ) -> None:
        self.sink = sink
        self.name = name
        self.retries = 0
        self._retry = retry
        self._abandoned = abandoned
        self._one_at_a_time = threading.Lock()

    def deliver(self, owners: Sequence[Message], encoded: Sequence[Message]) -> list[Failure]:
        """Deliver what `owners` were encoded to; the failures among `owners` that are left."""
        with self._one_at_a_time:
            outcomes = self.sink.deliver_encoded(encoded)
            if outcomes.count(CONFIRMED) == len(outcomes):
                return []
            return self._again(list(zip(owners, encoded, strict=True)), outcomes)

    def _again(
        self, pairs: list[tuple[Message, Message]], outcomes: Sequence[Outcome]
    ) -> list[Failure]:
        failures: list[Failure] = []
        started, attempt = time.monotonic(), 1
        while True:
            waiting: list[tuple[Message, Message]] = []
            asked: list[float] = []
            failed: list[Failure] = []
            for pair, outcome in zip(pairs, outcomes, strict=True):
                if outcome is CONFIRMED:
                    continue
                failed.append(Failure(pair[0], outcome, attempt, self.name, pair[1].data))
                if isinstance(outcome, RetryableError):
                    waiting.append(pair)
                    asked.append(outcome.retry_after or 0.0)
            delay = self._retry.delay(attempt, time.monotonic() - started, max(asked, default=0.0))
            if not waiting or delay is None or self._abandoned.wait(delay):
                return failures + failed
            failures += [f for f in failed if not isinstance(f.error, RetryableError)]
            self.retries += len(waiting)
            attempt += 1
            pairs = waiting
            outcomes = self.sink.deliver_encoded([encoded for _, encoded in waiting])
