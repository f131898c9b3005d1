"""Messages that were fetched or given back, and wait for somebody to consume them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from geowatch_core import GeoWatchError, Message, RetryableError
from geowatch_kafka.lane import Chunk, Lane, Settling

__all__ = ["Shelf"]

_LEAST = 100
"""Messages fetched at a time for somebody who consumes one by one."""
_AHEAD = 4
"""How often what is wanted is kept ready."""


class Shelf:
    """Keeps messages until they are taken, and counts those in hand.

    Args:
        most: most messages that may be in hand, which is taken and not settled.

    Attributes:
        changed: notified when anything here changes; held by whoever changes a lane.
        in_hand: how many messages are in hand.
    """

    def __init__(self, most: int) -> None:
        self.changed = threading.Condition()
        self.in_hand = 0
        self._most = most
        self._wanted = 0
        self._fetched: deque[tuple[Chunk, Sequence[Message]]] = deque()
        self._again: list[Message] = []
        self._kept = 0
        self._full_since: float | None = None
        self._error: BaseException | None = None
        self._for_good = False
        self._closed = False

    # --- what the thread that fetches calls -----------------------------------------------------

    def room(self) -> int:
        """How many messages to fetch now: none before somebody has asked for one."""
        full = self._kept > (_AHEAD - 1) * self._wanted or self.in_hand >= self._most
        if full or not self._wanted:
            if self._full_since is None:
                self._full_since = time.monotonic()
            return 0
        self._full_since = None
        return _AHEAD * self._wanted - self._kept

    def full_for(self, seconds: float) -> bool:
        """Whether there has been no room for so long."""
        return self._full_since is not None and time.monotonic() - self._full_since > seconds

    def put(self, chunk: Chunk, messages: Sequence[Message]) -> None:
        """Keep what was fetched."""
        with self.changed:
            self._fetched.append((chunk, messages))
            self._kept += len(messages)
            self.changed.notify_all()

    def fail(self, error: BaseException, *, for_good: bool = False) -> None:
        """Have ``take`` raise, once there is nothing to take; ever again if it is `for_good`."""
        with self.changed:
            if not self._for_good:
                self._error, self._for_good = error, for_good
            self.changed.notify_all()

    def withhold(self, lanes: Sequence[Lane]) -> None:
        """Forget what nobody has taken of these lanes."""
        with self.changed:
            self._forget(lanes)
            self.changed.notify_all()

    def drop(self, lanes: Sequence[Lane]) -> None:
        """Forget these lanes altogether: they are no longer ours."""
        with self.changed:
            self._forget(lanes)
            for lane in lanes:
                lane.alive = False
                self.in_hand -= lane.in_hand
                lane.in_hand = 0
            self.changed.notify_all()

    def _forget(self, lanes: Sequence[Lane]) -> None:
        gone = set(lanes)
        self._fetched = deque(each for each in self._fetched if each[0].lane not in gone)
        self._again = [m for m in self._again if m.position.chunk.lane not in gone]
        self._kept = sum(len(messages) for _, messages in self._fetched)

    # --- what the consumer calls ----------------------------------------------------------------

    def take(self, count: int, timeout: float) -> list[Message]:
        """At most `count` messages, waiting at most `timeout` seconds for the first.

        Raises:
            RetryableError, PermanentError: there is nothing, and this is why.
        """
        deadline = time.monotonic() + timeout
        with self.changed:
            wanted = max(count, _LEAST)
            if self._wanted != wanted:
                self._wanted = wanted
                self.changed.notify_all()
            while not self._closed:
                most = min(count, self._most - self.in_hand)
                messages = self._taken(most) if most > 0 else []
                if messages:
                    self.changed.notify_all()
                    return messages
                self._raise()
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self.changed.wait(left)
        return []

    def _taken(self, count: int) -> list[Message]:
        taken = self._again[:count]
        del self._again[:count]
        for message in taken:
            message.position.chunk.lane.in_hand += 1
        while self._fetched and len(taken) < count:
            chunk, messages = self._fetched.popleft()
            room = count - len(taken)
            if len(messages) > room:
                self._fetched.appendleft((chunk, messages[room:]))
                messages = messages[:room]
            chunk.lane.in_hand += len(messages)
            self._kept -= len(messages)
            taken += messages
        self.in_hand += len(taken)
        return taken

    def _raise(self) -> None:
        error = self._error
        if error is None:
            return
        if not self._for_good:
            self._error = None
        if isinstance(error, GeoWatchError):
            raise error
        raise RetryableError(
            "Consuming failed", got=error, fix="Open the consumer again, and report it."
        ) from error

    def settle(self, settling: Settling) -> None:
        """These were acked and are committed as far as can be."""
        with self.changed:
            for lane in {chunk.lane for chunk in settling}:
                if lane.alive:
                    before = lane.in_hand
                    lane.settle(settling)
                    self.in_hand -= before - lane.in_hand
            self.changed.notify_all()

    def give_back(self, messages: Sequence[Message]) -> None:
        """Have these come again, before all that was not brought yet."""
        with self.changed:
            for m in messages:
                lane = m.position.chunk.lane
                if lane.alive:
                    lane.in_hand -= 1
                    self.in_hand -= 1
                    self._again.append(Message(m.data, m.key, m.headers, m.time, m.position))
            self._again.sort(key=lambda m: (m.position.chunk.lane.partition, m.position.offset))
            self.changed.notify_all()

    def close(self) -> None:
        """Have whoever waits return with nothing."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
