"""What a process holds: threads, and files and sockets."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from collections import Counter
from pathlib import Path

import attrs

__all__ = ["Held", "left_behind"]

_DESCRIPTORS = Path("/dev/fd")
_TASKS = Path("/proc/self/task")


@attrs.frozen
class Held:
    """What the process holds at one moment."""

    threads: frozenset[threading.Thread]
    tasks: int
    descriptors: Counter[str]

    @classmethod
    def now(cls) -> Held:
        """Look."""
        gc.collect()
        tasks = len(list(_TASKS.iterdir())) if _TASKS.exists() else 0
        return cls(frozenset(threading.enumerate()), tasks, _descriptors())

    def beyond(self, before: Held) -> list[str]:
        """What is held now and was not `before`, in words."""
        threads = [f"thread {t.name!r}" for t in self.threads - before.threads]
        native = self.tasks - before.tasks - len(threads)
        names = [f"file or socket {name}" for name in self.descriptors - before.descriptors]
        return threads + ([f"{native} native threads"] if native > 0 else []) + names


def left_behind(before: Held, patience: float) -> list[str]:
    """What is still held after `patience` seconds. Threads and sockets take a moment to go."""
    deadline = time.monotonic() + patience
    while (left := Held.now().beyond(before)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _descriptors() -> Counter[str]:
    """What each open descriptor leads to. A socket's number tells it from others."""
    found: Counter[str] = Counter()
    names = os.listdir(_DESCRIPTORS) if _DESCRIPTORS.exists() else []  # noqa: PTH208 - the listing's own descriptor is gone by the time Path would look
    for name in names:
        with contextlib.suppress(OSError):  # closed meanwhile, as that of the listing itself
            found[_target(int(name))] += 1
    return found


def _target(descriptor: int) -> str:
    linux = Path(f"/proc/self/fd/{descriptor}")
    if linux.is_symlink():
        return str(linux.readlink())
    kind = os.fstat(descriptor)
    return f"inode {kind.st_dev}:{kind.st_ino}"
