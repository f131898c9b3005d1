"""Delivers batches to one producer or store, again and again until it has answered for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import chain
from typing import Protocol

import msgspec

from geowatch_core.errors import RetryableError
from geowatch_core.flow.failure import Failure
from geowatch_core.flow.retry import Retry
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.producer import Producer
from geowatch_core.store import Store

__all__ = ["Destination", "Load"]


class Load(Protocol):
    """Messages, and what each was encoded to, in order."""

    @property
    def owners(self) -> Sequence[Message]:
        """The messages."""

    @property
    def encoded(self) -> Sequence[Message]:
        """What they were encoded to."""


class _Item(msgspec.Struct, frozen=True):
    """One message under way, and where to note that it failed."""

    owner: Message
    encoded: Message
    failures: list[Failure]

    def fail(self, error: Exception, attempts: int, where: str) -> None:
        """Note that it was not delivered."""
        self.failures.append(Failure(self.owner, error, attempts, where, self.encoded.data))


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

    @property
    def merges(self) -> bool:
        """Whether what waits for it may go out together: a store writes each batch by itself."""
        return isinstance(self.sink, Producer)

    def deliver(self, loads: Sequence[Load]) -> list[list[Failure]]:
        """Deliver loads together; for each, the failures among its owners that are left."""
        with self._one_at_a_time:
            encoded = list(chain.from_iterable(load.encoded for load in loads))
            outcomes = self.sink.deliver_encoded(encoded)
            failures: list[list[Failure]] = [[] for _ in loads]
            if outcomes.count(CONFIRMED) < len(outcomes):
                items = [
                    _Item(owner, message, failures[index])
                    for index, load in enumerate(loads)
                    for owner, message in zip(load.owners, load.encoded, strict=True)
                ]
                self._again(items, outcomes)
            return failures

    def _again(self, items: list[_Item], outcomes: Sequence[Outcome]) -> None:
        """Try again what may succeed later, and note what is left in each item's failures."""
        started, attempt = time.monotonic(), 1
        while True:
            waiting: list[tuple[_Item, RetryableError]] = []
            for item, outcome in zip(items, outcomes, strict=True):
                if isinstance(outcome, RetryableError):
                    waiting.append((item, outcome))
                elif outcome is not CONFIRMED:
                    item.fail(outcome, attempt, self.name)
            asked = max((error.retry_after or 0.0 for _, error in waiting), default=0.0)
            delay = self._retry.delay(attempt, time.monotonic() - started, asked)
            if not waiting or delay is None or self._abandoned.wait(delay):
                for item, error in waiting:
                    item.fail(error, attempt, self.name)
                return
            self.retries += len(waiting)
            attempt += 1
            items = [item for item, _ in waiting]
            outcomes = self.sink.deliver_encoded([item.encoded for item in items])
