"""Leases in a file, for the processes of one machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from geowatch_aws.kinesis.lease import Lease, LeaseStore, same
from geowatch_core import PermanentError, RetryableError

__all__ = ["FileLeases"]

_VERSION: Final = 1


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    leases: dict[str, Lease]


class FileLeases(LeaseStore):
    """One JSON document, replaced as a whole and on the disk before a call returns.

    A lock file beside it, ``NAME.lock``, lets one process write at a time.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock_path = Path(f"{os.fspath(path)}.lock")

    def open(self) -> None:
        """Make the folder and look whether the file can be read."""
        with self._translated():
            self._path.parent.mkdir(parents=True, exist_ok=True)
        self.all()

    def all(self) -> list[Lease]:
        """Every lease."""
        # Renaming replaced the file as a whole, so reading needs no lock.
        with self._translated():
            return list(self._read().values())

    def get(self, key: str) -> Lease | None:
        """The lease of a shard."""
        with self._translated():
            return self._read().get(key)

    def create(self, lease: Lease) -> bool:
        """Keep a new lease, if there is none of its key."""

        def add(leases: dict[str, Lease]) -> bool:
            return leases.setdefault(lease.key, lease) is lease

        return self._change(add)

    def replace(self, old: Lease, new: Lease) -> bool:
        """Keep `new` where `old` is."""

        def put(leases: dict[str, Lease]) -> bool:
            if not same(old, leases.get(old.key)):
                return False
            leases[new.key] = new
            return True

        return self._change(put)

    def remove(self, old: Lease) -> bool:
        """Forget a lease."""

        def drop(leases: dict[str, Lease]) -> bool:
            return same(old, leases.get(old.key)) and leases.pop(old.key) is not None

        return self._change(drop)

    def _change(self, act: Callable[[dict[str, Lease]], bool]) -> bool:
        with self._translated(), self._locked():
            leases = self._read()
            done = act(leases)
            if done:
                self._write(leases)
            return done

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, Lease]:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            document = msgspec.json.decode(text, type=_Document)
            if document.version != _VERSION:
                raise msgspec.ValidationError(f"it has version {document.version}")
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise PermanentError(
                f"This is not a file of leases: {error}",
                got=str(self._path),
                fix="Give another path with the option position, or delete the file: then the "
                "stream is read from where shard_it_type says.",
            ) from error
        return document.leases

    def _write(self, leases: dict[str, Lease]) -> None:
        text = msgspec.json.format(msgspec.json.encode(_Document(_VERSION, leases))) + b"\n"
        descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            Path(name).rename(self._path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (RetryableError, PermanentError):
            raise
        except PermissionError as error:
            raise PermanentError(
                "The file of leases may not be written",
                got=str(self._path),
                fix="Give this user the right to write there, or another path by position.",
            ) from error
        except OSError as error:
            raise RetryableError(
                f"The system refused a file of leases: {error.strerror}",
                got=str(self._path),
                fix="Make room on the disk, and see that it works.",
            ) from error
