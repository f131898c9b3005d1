"""Consumes from one consumer, again and again while its service does not answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from geowatch_core.consumer import Consumer
from geowatch_core.errors import GeoWatchError, RetryableError
from geowatch_core.flow.retry import Retry
from geowatch_core.message import Message

__all__ = ["Source"]

_log = logging.getLogger(__name__)
_SLICE = 0.5
"""Most seconds of one wait, so that a stop is noticed soon."""


class Source:
    """One consumer of a broker.

    Args:
        consumer: the consumer.
        name: its name, unique within the broker.
        retry: when to give up on a service that does not answer.
        abandoned: set when the broker no longer waits.
    """

    def __init__(
        self, consumer: Consumer, name: str, retry: Retry, abandoned: threading.Event
    ) -> None:
        self.consumer = consumer
        self.name = name
        self._retry = retry
        self._abandoned = abandoned
        self._attempt = 0  # failures since the service has last answered, in whichever call
        self._failing_since = 0.0

    def consume(self, count: int, timeout: float, stopped: threading.Event) -> list[Message]:
        """Up to `count` messages, waiting `timeout` seconds for the first; empty on a stop.

        An outage may last for many calls. That nothing came after a failure does not end it, if the
        consumer had too little time left to be answered.
        """
        deadline = time.monotonic() + timeout
        failed = False
        while not stopped.is_set():
            now = time.monotonic()
            if not self._attempt:
                self._failing_since = now
            left = deadline - now
            try:
                messages = self.consumer.consume(count, min(max(left, 0), _SLICE))
            except RetryableError as error:
                failed = True
                self._attempt += 1
                self._wait(error, self._attempt, self._failing_since, stopped)
                continue
            if messages or not failed or left >= _SLICE:
                self._attempt = 0
            if messages or left <= 0 or self.consumer.exhausted:
                return messages
        return []

    def ack(self, messages: Sequence[Message]) -> None:
        """Ack, again and again while the service does not answer."""
        failing_since, attempt = time.monotonic(), 0
        while True:
            try:
                return self.consumer.ack(messages)
            except RetryableError as error:
                attempt += 1
                self._wait(error, attempt, failing_since, self._abandoned)
                if self._abandoned.is_set():
                    raise

    def give_back(self, messages: Sequence[Message]) -> None:
        """Nack; where that fails, the channel brings them again by itself, only later."""
        try:
            self.consumer.nack(messages)
        except GeoWatchError as error:
            _log.warning("%s: not given back, they come again by themselves: %s", self.name, error)

    def _wait(
        self, error: RetryableError, attempt: int, since: float, stopped: threading.Event
    ) -> None:
        delay = self._retry.delay(attempt, time.monotonic() - since, error.retry_after)
        if delay is None:
            self._attempt = 0  # the next run tries as often
            raise error
        _log.warning("%s: trying again in %.1f s: %s", self.name, delay, error)
        stopped.wait(delay)
