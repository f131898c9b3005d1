"""Remembers on disk how far a channel was acked."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from geowatch_core import PermanentError, RetryableError

__all__ = ["PositionFile"]

_PASSING: Final = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EINTR,
    errno.EAGAIN,
}


class _Record(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    version: int = 1
    channel: str
    ts: str


class PositionFile:
    """A file with a channel and a timestamp, held by one consumer at a time.

    Args:
        path: of the file; a second one beside it, ``….lock``, says who holds it.
        channel: the id of the channel.
    """

    def __init__(self, path: str, channel: str) -> None:
        self._path = Path(path)
        self._channel = channel
        lock = self._path.with_name(f"{self._path.name}.lock")
        with self._translated():
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise RetryableError(
                "Another consumer remembers its position there",
                got=path,
                fix="Stop it, or give each a file of its own with the option position.",
            ) from error

    def load(self) -> str | None:
        """The timestamp that was saved last; None if none was.

        Raises:
            PermanentError: it is damaged, or of another channel.
        """
        with self._translated():
            if not self._path.exists():
                return None
            saved = self._path.read_bytes()
        try:
            record = msgspec.json.decode(saved, type=_Record)
        except (msgspec.MsgspecError, ValueError) as error:
            raise self._unusable(f"The position file is damaged: {error}") from error
        if record.version != 1 or record.channel != self._channel:
            raise self._unusable(f"The position file is of {record.channel}, not {self._channel}")
        return record.ts

    def save(self, ts: str) -> None:
        """Remember; it is on the disk when this returns.

        Raises:
            RetryableError, PermanentError: what was saved before is there still.
        """
        data = msgspec.json.encode(_Record(channel=self._channel, ts=ts)) + b"\n"
        part = self._path.with_name(f"{self._path.name}.new")
        with self._translated():
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Let go of it. A second call does nothing."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def _unusable(self, what: str) -> PermanentError:
        return PermanentError(
            what,
            got=str(self._path),
            fix="Give another file; or delete this one to begin as the option start says.",
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"The position could not be remembered: {error.strerror}"
            if error.errno in _PASSING:
                fix = "Make room on the disk; it is tried again by itself."
                raise RetryableError(what, got=str(self._path), fix=fix) from error
            fix = "Give a file in a folder that may be written to."
            raise PermanentError(what, got=str(self._path), fix=fix) from error
