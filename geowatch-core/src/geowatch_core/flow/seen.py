"""What a broker has seen: asks its window again and again until it answers."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from geowatch_core.errors import ConfigurationError, GeoWatchError, RetryableError
from geowatch_core.flow.batch import Batch
from geowatch_core.flow.deduplicate import Deduplicate, MemoryWindow
from geowatch_core.flow.retry import Retry
from geowatch_core.store import Store
from geowatch_core.window import Window

if TYPE_CHECKING:
    from geowatch_core.flow.pipeline import Flow

__all__ = ["Seen", "StoppedWaitingError"]

T = TypeVar("T")

_log = logging.getLogger(__name__)
_SLICE = 0.1
"""Most seconds of one wait, so that a stop is noticed soon."""
_LONGEST = 1.0
"""Most seconds until another broker is looked for again that has begun with the same message."""
_PATIENCE = 30.0
"""Seconds between two lines in the log about such a wait."""


class StoppedWaitingError(RetryableError):
    """The broker was stopped while it waited for its window."""


class Seen:
    """The window of a broker, and how long it is waited for.

    Args:
        same: what makes two messages the same, or None.
        given: the window, where it is the caller's.
        retry: when to give up on a window that does not answer.
        abandoned: set when the broker no longer waits for anything.
        running: the run that is on, which may be asked to stop.

    Attributes:
        shared: whether others may have seen a message.
        ends: what a broker opens and closes for it, in order.

    Raises:
        ConfigurationError: two windows are given, or a store that has none.
    """

    def __init__(
        self,
        same: Deduplicate | None,
        given: Window | None,
        retry: Retry,
        abandoned: threading.Event,
        running: Callable[[], Flow | None],
    ) -> None:
        store = same.shared if same else None
        if store is not None and given is not None:
            fix = "Leave out window, or shared of deduplicate."
            raise ConfigurationError("A broker has one window, not two", fix=fix)
        self.shared = store is not None or given is not None
        if store is not None and same is not None:
            given = store.window(same.lease)
        self._window = given or MemoryWindow(same.window if same else 1)
        self.ends: list[Store | Window] = [*([] if store is None else [store]), self._window]
        self._retry = retry
        self._abandoned = abandoned
        self._running = running

    def reserve(self, identities: Sequence[Hashable]) -> list[bool]:
        """For each, whether it is new, as soon as that is known.

        Raises:
            RetryableError: the window did not answer, however often it was asked.
            StoppedWaitingError: the broker was stopped meanwhile; nothing is known.
        """
        if not identities:
            return []
        held = 0
        told = time.monotonic()
        while True:
            answers = self._again(lambda: self._window.reserve(identities))  # type: ignore[arg-type]  # bytes, where others see them
            if answers is not None:
                return answers
            held += 1
            self._wait(random.uniform(0, min(_LONGEST, 0.02 * 2 ** min(held, 10))))  # noqa: S311 - not a secret
            if time.monotonic() > told + _PATIENCE:
                told = time.monotonic()
                _log.warning("Waiting for another broker that has begun with the same message")

    def confirm(self, batches: Iterable[Batch]) -> None:
        """Every destination has what was reserved of these batches.

        Raises:
            RetryableError: the window did not answer, however often it was asked.
        """
        done = [identity for batch in batches for identity in batch.reserved]
        if done:
            self._again(lambda: self._window.confirm(done), stops=False)  # type: ignore[arg-type]

    def release(self, batch: Batch) -> None:
        """A batch was given back; what cannot be released is free when the window is closed."""
        try:
            self._window.release(batch.reserved)  # type: ignore[arg-type]
        except GeoWatchError as error:
            _log.warning("The window still has what was given back: %s", error)

    def _again(self, ask: Callable[[], T], *, stops: bool = True) -> T:
        since, attempt = time.monotonic(), 0
        while True:
            try:
                return ask()
            except RetryableError as error:
                attempt += 1
                delay = self._retry.delay(attempt, time.monotonic() - since, error.retry_after)
                if delay is None or self._abandoned.is_set():
                    raise
                _log.warning("The window is asked again in %.1f s: %s", delay, error)
            self._wait(delay, stops=stops)

    def _wait(self, delay: float, *, stops: bool = True) -> None:
        until = time.monotonic() + delay
        ended = self._stopping if stops else self._abandoned.is_set
        while (left := until - time.monotonic()) > 0 and not ended():
            self._abandoned.wait(min(left, _SLICE))
        if stops and self._stopping():
            raise StoppedWaitingError(
                "The broker was stopped while it waited for its window",
                fix="Nothing is lost: the messages come again.",
            )

    def _stopping(self) -> bool:
        flow = self._running()
        return self._abandoned.is_set() or (flow is not None and flow.stopping)
