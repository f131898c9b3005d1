"""Where files are, and the one place that turns errors of the operating system into ours.

Files are opened by name relative to the open folder that they are in, component by component and
without following links, after links were resolved and found to stay below the root: a link that
somebody plants in between is refused. `pathlib` cannot do that.
"""
# ruff: noqa: PTH100, PTH118, PTH120, PTH206

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from geowatch_core.errors import GeoWatchError, PermanentError, RetryableError

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_LATER: Final = {
    errno.ENOSPC: "Make room on the disk.",
    errno.EDQUOT: "Make room: the user's quota on this disk is used up.",
    errno.EIO: "Look at the disk or the network share: the system log says more.",
    errno.EMFILE: "Let the process open more files: ulimit -n.",
    errno.ENFILE: "The machine has too many files open: fs.file-max.",
    errno.ENOMEM: "Make memory free.",
    errno.EBUSY: "Something else uses it.",
    errno.ESTALE: "Mount the network share again.",
    errno.ETIMEDOUT: "Look at the network share.",
}
_NEVER: Final = {
    errno.ENOENT: "Create the folder, or correct the path.",
    errno.EACCES: "Give the user that runs this the right to, or choose another path.",
    errno.EPERM: "Give the user that runs this the right to, or choose another path.",
    errno.EROFS: "Choose a path on a disk that is not read-only.",
    errno.EISDIR: "Name a file in that folder.",
    errno.ENOTDIR: "A part of the path is a file: correct it.",
    errno.ELOOP: "A link was put there just now, or links run in a circle: remove it.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f), or rotate the file.",
}


def refusal(doing: str, path: str, error: OSError) -> RetryableError | PermanentError:
    """What an error of the operating system means to a caller."""
    code = error.errno or 0
    what = f"Cannot {doing} the file: {os.strerror(code)}"
    if code in _LATER:
        return RetryableError(what, got=path, fix=_LATER[code])
    return PermanentError(
        what, got=path, fix=_NEVER.get(code, f"The system calls it errno {code}.")
    )


@contextmanager
def translated(doing: str, path: str) -> Iterator[None]:
    """Turn what the operating system raises inside into our errors."""
    try:
        yield
    except GeoWatchError:  # a RetryableError is an OSError too
        raise
    except OSError as error:
        raise refusal(doing, path, error) from error


@attrs.frozen
class Place:
    """Where a file is: an absolute path, and the folder that it must not leave."""

    path: str
    root: str

    @classmethod
    def of(cls, path: str, root: str | None) -> Place:
        """From options: `path` is relative to `root`, if there is one."""
        full = os.path.abspath(os.path.join(root or "", path))
        return cls(full, os.path.abspath(root) if root else os.path.dirname(full))

    @contextmanager
    def folder(self) -> Iterator[tuple[int, str]]:
        """A descriptor of the folder that the file is in, and its name there."""
        root, parts = self._resolved()
        folder = os.open(root, _FOLDER)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder, parts[-1]
        finally:
            os.close(folder)

    def _resolved(self) -> tuple[str, list[str]]:
        root, real = os.path.realpath(self.root), os.path.realpath(self.path)
        if real == root:
            raise PermanentError("This is a folder", got=self.path, fix=_NEVER[errno.EISDIR])
        below = root if root.endswith(os.sep) else root + os.sep
        if not real.startswith(below):
            raise PermanentError(
                f"The path of the file leads out of the folder {self.root!a}, to {real!a}",
                got=self.path,
                fix="Use a file below that folder, or give as root the folder that it may be in.",
            )
        return root, real[len(below) :].split(os.sep)
