"""Every call of the operating system on files: reading, durable append, atomic replacement."""
# ruff: noqa: PTH123, PTH208, SIM117
# pathlib does not work by descriptors, below the folders that `Place` opens.

from __future__ import annotations

import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from typing import Final

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.file._place import Place, refusal, translated

_log = logging.getLogger(__name__)

# O_NONBLOCK: opening a pipe that somebody put there must not wait for its other end.
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PRIVATE: Final = 0o600
_BLOCK: Final = 1 << 16
_LOCK_POLL: Final = 0.005
_INTENT: Final = "user.geowatch.append"


class InputFile:
    """A regular file that is open for reading.

    Attributes:
        inode: what tells it from other files, whatever its name.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self.path = path
        self._status = os.fstat(descriptor)
        self.inode = self._status.st_ino

    def read(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset` on; none at the end."""
        with translated("read", self.path):
            return os.pread(self._descriptor, size, offset)

    def size(self) -> int:
        """How many bytes it has now."""
        with translated("read", self.path):
            return os.fstat(self._descriptor).st_size

    def has(self, status: os.stat_result) -> bool:
        """Whether that is the status of this very file."""
        return os.path.samestat(status, self._status)

    def close(self) -> None:
        """Let go of it. A second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def open_input(place: Place, *, may_appear: bool = False) -> InputFile:
    """Open for reading; a missing file is retryable if it `may_appear`."""
    with translated("read", place.path):
        try:
            with place.folder() as (folder, name):
                return InputFile(_open(name, os.O_RDONLY, folder, place), place.path)
        except FileNotFoundError as error:
            kind = RetryableError if may_appear else PermanentError
            raise kind("There is no such file", got=place.path, fix=_nearest(place)) from error


def _nearest(place: Place) -> str:
    with suppress(OSError), place.folder() as (folder, name):
        near = get_close_matches(name, os.listdir(folder), n=1)
        return f"Did you mean {near[0]!a}?" if near else "Correct the path, or create the file."
    return "Its folder is not there either: correct the path, or create both."


def open_sibling(place: Place, inode: int) -> InputFile | None:
    """The file of that inode in the same folder, whatever its name is now, or None."""
    with translated("read", place.path), place.folder() as (folder, _):
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.inode() == inode and e.is_file()]
        for name in names:
            with suppress(FileNotFoundError):  # renamed once more
                found = InputFile(_open(name, os.O_RDONLY, folder, place), place.path)
                if found.inode == inode:
                    return found
                found.close()
    return None


def status(place: Place) -> os.stat_result | None:
    """What has the name now, or None if nothing has."""
    with translated("look at", place.path):
        try:
            with place.folder() as (folder, name):
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None


def read_document(place: Place) -> bytes | None:
    """The whole file, or None if there is none."""
    with translated("read", place.path), place.folder() as (folder, name):
        return _content(name, folder, place)


def append(
    place: Place, payload: bytes, timeout: float
) -> tuple[int, RetryableError | PermanentError | None]:
    """Add whole lines durably: how many bytes of `payload` are kept, and why not all of them.

    The file is opened for each call, so that lines go to the file that has the name now, and a
    descriptor on which fsync failed is never used again. With an empty `payload` the file is made
    if it is not there, and mended.
    """
    with translated("append to", place.path), place.folder() as (folder, name):
        descriptor = _locked(name, os.O_RDWR | os.O_APPEND, folder, place, timeout)
        try:
            size, lead = _mended(descriptor, place)
            kept, error = _appended(descriptor, lead + payload if payload else b"", size)
            if size == 0:
                os.fsync(folder)
        finally:
            os.close(descriptor)
    failure = refusal("append to", place.path, error) if error else None
    if failure:
        failure.__cause__ = error
    return max(kept - len(lead), 0), failure


class Replacement:
    """A new content for a file, while nobody else can replace it. Made by `replacing`."""

    def __init__(self, name: str, new: str, folder: int, descriptor: int, place: Place) -> None:
        self._name, self._new = name, new
        self._folder, self._descriptor, self._place = folder, descriptor, place

    def current(self) -> bytes | None:
        """The present content, or None if there is no file."""
        return _content(self._name, self._folder, self._place)

    def commit(self, content: bytes) -> None:
        """Put `content` in place of the file, wholly and durably, or not at all."""
        try:
            os.ftruncate(self._descriptor, 0)
            self._take_over_rights()
            _, error = _written(self._descriptor, content)
            if error:
                raise error
            os.fsync(self._descriptor)
            os.rename(self._new, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(self._new, dir_fd=self._folder)
            raise
        os.fsync(self._folder)

    def keep(self) -> int:
        """A descriptor of the new file that keeps it locked; the caller closes it."""
        return os.dup(self._descriptor)

    def _take_over_rights(self) -> None:
        with suppress(FileNotFoundError):
            now = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
            _require_regular(now, self._place)
            with suppress(PermissionError):  # only root can give a file to another user
                os.fchown(self._descriptor, now.st_uid, now.st_gid)
            os.fchmod(self._descriptor, stat.S_IMODE(now.st_mode))


@contextmanager
def replacing(place: Place, timeout: float) -> Iterator[Replacement]:
    """Replace a file: others who want to wait.

    The new content is written under one fixed name beside the file, so that what a killed process
    leaves there is used up by the next one.
    """
    with translated("replace", place.path), place.folder() as (folder, name):
        new = f".{name}.new"
        descriptor = _locked(new, os.O_RDWR, folder, place, timeout)
        try:
            yield Replacement(name, new, folder, descriptor, place)
        finally:
            os.close(descriptor)


def hold(place: Place, fix: str) -> int:
    """A locked descriptor of a file, made if need be.

    Raises:
        RetryableError: another one holds it; says to do `fix`.
    """
    with translated("open", place.path), place.folder() as (folder, name):
        return _locked(name, os.O_RDWR, folder, place, timeout=0, fix=fix)


def check_target(place: Place) -> None:
    """Raise unless the folder is there and the file, if it exists, is a regular one."""
    with translated("open", place.path), place.folder() as (folder, name):
        with suppress(FileNotFoundError):
            _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), place)


def _open(name: str, flags: int, folder: int, place: Place) -> int:
    with suppress(FileNotFoundError):  # opening a device can do things to it: look before
        _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), place)
    descriptor = os.open(name, flags | _FILE, _PRIVATE, dir_fd=folder)
    try:
        _require_regular(os.fstat(descriptor), place)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(found: os.stat_result, place: Place) -> None:
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return
    kind = "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "device or pipe"
    raise PermanentError(
        f"This is a {kind}, not a file", got=place.path, fix="Name a regular file."
    )


def _content(name: str, folder: int, place: Place) -> bytes | None:
    try:
        descriptor = _open(name, os.O_RDONLY, folder, place)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        return file.read()


def _locked(name: str, flags: int, folder: int, place: Place, timeout: float, fix: str = "") -> int:
    """Open or make a file and lock it, and be sure that it still has the name then."""
    deadline = time.monotonic() + timeout
    while True:
        descriptor = _open(name, flags | os.O_CREAT, folder, place)
        try:
            _lock(descriptor, place, deadline, fix)
            mine = os.fstat(descriptor)
            with suppress(FileNotFoundError):
                now = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if os.path.samestat(now, mine):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, place: Place, deadline: float, fix: str) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise RetryableError(
                    "The file is locked by another process or another part of this one",
                    got=place.path,
                    fix=fix or "Wait for it to be done, or use a file of your own.",
                ) from error
        time.sleep(_LOCK_POLL)


def _appended(descriptor: int, payload: bytes, size: int) -> tuple[int, OSError | None]:
    """Write and sync; what does not end in whole lines on disk is cut off again."""
    # A process that is killed inside write() leaves a part of it. The note, which needs no sync to
    # outlive the process, tells the next one that a line without end behind `size` is such a part.
    with suppress(OSError, AttributeError):  # not every file system or platform takes notes
        os.setxattr(descriptor, _INTENT, b"%d %d" % (size, size + len(payload)))
    try:
        written, error = _written(descriptor, payload)
        whole = payload.rfind(b"\n", 0, written) + 1
        if whole != written:
            os.ftruncate(descriptor, size + whole)
        os.fsync(descriptor)
    except BaseException:
        # After a failed fsync nobody knows what is on disk, and the kernel has forgotten that it
        # does not know: take the lines away, so that a retry writes every one of them anew.
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
    return whole, error


def _written(descriptor: int, payload: bytes) -> tuple[int, OSError | None]:
    """Write all of it: how many bytes were written, and why not all of them."""
    view, done = memoryview(payload), 0
    try:
        while done < len(payload):
            done += os.write(descriptor, view[done:])
    except OSError as error:
        return done, error
    return done, None


def _mended(descriptor: int, place: Place) -> tuple[int, bytes]:
    """The size of the file, and what must be written first so that new lines start on their own."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size, b""
    start = _last_line(descriptor, size)
    if _is_remainder(descriptor, start, size):
        _log.warning(
            "%s: cut off %d bytes at its end, the start of a line that was never confirmed: a "
            "process was killed while it wrote.",
            ascii(place.path),
            size - start,
        )
        os.ftruncate(descriptor, start)
        return start, b""
    _log.warning("%s: its last line has no end; it gets one.", ascii(place.path))
    return size, b"\n"


def _last_line(descriptor: int, size: int) -> int:
    """Where the last line starts."""
    while size > 0:
        block = os.pread(descriptor, min(_BLOCK, size), max(size - _BLOCK, 0))
        found = block.rfind(b"\n")
        if found >= 0:
            return size - len(block) + found + 1
        size -= len(block)
    return 0


def _is_remainder(descriptor: int, start: int, size: int) -> bool:
    try:
        before, after = map(int, os.getxattr(descriptor, _INTENT).split())
    except (OSError, AttributeError, ValueError):
        return False
    return before <= start < size < after
