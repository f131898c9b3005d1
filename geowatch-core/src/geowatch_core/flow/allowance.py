"""How many batches of a source may be in flight: consumed, and not yet settled."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Allowance"]

_LEAST: Final = 4
_MOST: Final = 16
_SPAN: Final = 0.25
"""Seconds: as many batches may be in flight as were settled within the last such span."""


class Allowance:
    """Lets a reader consume as long as not too many batches are in flight.

    A fast route needs many: each batch waits for the network twice, to be confirmed and to be
    acked, and what waits must be made up for by others. On a slow route more of them would only
    take memory, and come twice after a crash. So the pace decides, unless the number is given.

    Args:
        fixed: the number; if not given, what was settled within the last quarter of a second, but
            at least 4 and at most 16.
        clock: seconds that only increase.
    """

    def __init__(
        self, fixed: int | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._least = fixed or _LEAST
        self._clock = clock
        self._settled: deque[float] = deque(maxlen=fixed or _MOST)
        self._flying = 0
        self._ended = False
        self._changed = threading.Condition()

    @property
    def most(self) -> int:
        """How many may be in flight now."""
        since = self._clock() - _SPAN
        return max(self._least, sum(at > since for at in self._settled))

    def take(self) -> bool:
        """Wait until one more may be in flight, and count it; False after the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._flying < self.most)
            self._flying += 1
            return not self._ended

    def settled(self) -> None:
        """One of them is settled."""
        with self._changed:
            self._flying -= 1
            self._settled.append(self._clock())
            self._changed.notify()

    def end(self) -> None:
        """Have nobody wait any longer."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
