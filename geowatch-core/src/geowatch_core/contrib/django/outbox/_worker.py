"""A thread that owns a database connection: Django's belong to the thread that opened them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

__all__ = ["Worker"]

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """Runs calls one after the other in a thread of its own.

    A daemon, unlike the threads of an executor: one that waits for a frozen server for ever must
    not keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have it run after what was submitted before."""
        future: Future[T] = Future()

        def call() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = act(*args, **kwargs)
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)

        self._calls.put(call)
        return future

    def end(self, patience: float) -> None:
        """Let the thread end after what was submitted; wait for it that many seconds at most."""
        self._calls.put(None)
        self._thread.join(patience)

    def _run(self) -> None:
        call: Any
        while (call := self._calls.get()) is not None:
            call()
            call = None  # or the last call's arguments would be kept until the next
