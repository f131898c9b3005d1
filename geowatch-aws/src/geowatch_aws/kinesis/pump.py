"""Reads a shard in a thread of its own, as fast as it is asked for and the service allows."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from geowatch_aws.kinesis._driver import throttled
from geowatch_aws.kinesis.reader import Reader
from geowatch_core import Message, PermanentError, RetryableError

__all__ = ["Pump"]

_log = logging.getLogger(__name__)
_RATE: Final = 2 << 20
"""Bytes a second that the service lets a shard be read with; what is too much is taken off the
next seconds. (API reference of GetRecords.)"""
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0


class Pump:
    """Fills a queue from one shard, while there is room in it and somebody wants more.

    What is dealt with slowly is thus read ahead by one read, and what nobody asks for not at all.

    Args:
        reader: of the shard.
        changed: held to look at ``queue``, ``error`` and ``ended``; notified when they change.
        interval: seconds between two reads.
        room: messages in the queue from which on nothing more is read.
        waiting: whether somebody waits for messages.

    Attributes:
        queue: what was read.
        asked: whether somebody has asked for messages since the last read.
        error: why nothing could be read the last time, to be told at once.
        failed: why nothing could be read the last time, where the next read may succeed.
        ended: whether all of a closed shard is in the queue, or was.
    """

    def __init__(
        self,
        reader: Reader,
        changed: threading.Condition,
        *,
        interval: float,
        room: int,
        waiting: Callable[[], bool],
        name: str,
    ) -> None:
        self.queue: deque[Message] = deque()
        self.asked = False
        self.error: Exception | None = None
        self.failed: RetryableError | None = None
        self.ended = False
        self._reader = reader
        self._changed = changed
        self._interval = interval
        self._room = room
        self._waiting = waiting
        self._name = name
        self._stopped = False
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it has not stopped yet."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more. ``changed`` must be held."""
        self._stopped = True
        self._changed.notify_all()

    def join(self, timeout: float) -> None:
        """Wait until it has stopped."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while self._wait_for_room():
                pause = self._read()
                if self.ended:
                    return
                self._wait(pause)
        except Exception as error:  # a mistake of ours must not look like a shard without messages
            with self._changed:
                self.error = error
                self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._may_read())
            self.asked = False
            return not self._stopped

    def _may_read(self) -> bool:
        return len(self.queue) < self._room and (self.asked or self._waiting())

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while not self._stopped and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def _read(self) -> float:
        """Read once; the seconds until the next time."""
        try:
            messages, size = self._reader.read()
        except (RetryableError, PermanentError) as error:
            return self._failed(error)
        self._failures = 0
        with self._changed:
            news = messages or self._reader.ended or self.failed
            self.error = self.failed = None
            self.queue.extend(messages)
            self.ended = self._reader.ended
            if news:
                self._changed.notify_all()
        return max(self._interval, size / _RATE)

    def _failed(self, error: RetryableError | PermanentError) -> float:
        self._failures += 1
        with self._changed:
            self.failed = error if isinstance(error, RetryableError) else None
            if throttled(error):  # not worth an error, if it is over when somebody has waited
                _log.debug("%s is read more slowly: %s", self._name, error)
            else:
                self.error = error
                self._changed.notify_all()
        longest = min(_FIRST_PAUSE * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE)
        return max(self._interval, random.uniform(longest / 2, longest))  # noqa: S311 - jitter
