"""SIGTERM and SIGINT: the first drains, the second leaves at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stop_on_signals"]


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While inside, a first SIGTERM or SIGINT calls `stop`, and a second ends the process unacked.

    Only the main thread can do so; in any other, signals are left to whoever has them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    import signal

    seen: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: whoever handles it is not Python code, and cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
