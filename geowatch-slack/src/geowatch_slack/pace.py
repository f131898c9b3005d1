"""How fast a channel may be posted to: a token bucket for each, shared within the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary

__all__ = ["Pace", "pace_of"]


class Pace:
    """A token bucket of one channel. Slack: about one message a second, and short bursts.

    A token is there an interval after the last post was *answered*: what a slow network delays on
    its way cannot arrive closer together than Slack allows.

    Args:
        rate: posts a second.
        burst: posts that may follow each other at once after a rest.
        clock: the time in seconds.
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._counted = clock()
        self._blocked_until = -float("inf")
        self._lock = threading.Lock()

    def within(self, seconds: float) -> int:
        """How many posts there may be from now on within so many seconds."""
        with self._lock:
            self._refill()
            free = seconds - max(self._blocked_until - self._clock(), 0.0)
            return int(self._tokens + free * self._rate) if free >= 0 else 0

    def wait(self, closing: threading.Event) -> bool:
        """Wait for a token and take it; False, and none is taken, if it closes meanwhile."""
        while not closing.is_set():
            with self._lock:
                self._refill()
                left = max(
                    (1 - self._tokens) / self._rate, self._blocked_until - self._clock(), 0.0
                )
                if left == 0:
                    self._tokens -= 1
                    return True
            closing.wait(left)
        return False

    def answered(self, retry_after: float | None = None) -> None:
        """Note that a post was answered; and how long the service asked to wait, if it did."""
        with self._lock:
            self._counted = self._clock()
            if retry_after is not None:
                self._tokens = min(self._tokens, 1.0)
                self._blocked_until = max(self._blocked_until, self._counted + retry_after)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._counted) * self._rate, self._burst)
        self._counted = now


_paces: WeakValueDictionary[Hashable, Pace] = WeakValueDictionary()
_lock = threading.Lock()


def pace_of(channel: Hashable, rate: float, burst: int) -> Pace:
    """The pace of a channel, which all producers of this process share that ask for the same."""
    with _lock:
        found = _paces.get((channel, rate, burst))
        if found is None:
            found = _paces[channel, rate, burst] = Pace(rate, burst)
        return found
