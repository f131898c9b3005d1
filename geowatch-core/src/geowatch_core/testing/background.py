"""Calls that may hang: they are made in a thread of their own, so that a check can go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from geowatch_core.testing.verdict import ConformanceError

__all__ = ["background", "within"]

T = TypeVar("T")


def background(act: Callable[[], T]) -> Future[T]:
    """Start a call in a daemon thread: one that hangs must not keep the test run alive."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(act())
        except BaseException as error:  # handed to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="geowatch-kit").start()
    return future


def within(seconds: float, future: Future[T], broke: str, *, fix: str) -> T:
    """The result of a call, or what it raised.

    Raises:
        ConformanceError: it did not end in time.
    """
    __tracebackhide__ = True
    if not wait([future], seconds).done:
        raise ConformanceError(broke, expected=f"an end within {seconds:g} s", fix=fix)
    return future.result()
