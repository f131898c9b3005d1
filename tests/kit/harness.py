"""The harnesses of core's own backends."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from unittest import mock

import pytest

from geowatch_core.backend import RoleName
from geowatch_core.file import _driver as file_driver
from geowatch_core.memory import _driver
from geowatch_core.message import Message
from geowatch_core.testing import Fault, Harness


class MemoryHarness(Harness):
    """A topic and a document of this process; the service behind them is a deque and a dict."""

    backend = "memory"
    driver_modules: ClassVar[Sequence[str]] = ()
    silence = 0.05

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """Options of a fresh topic or document."""
        return {"key": self.unique} if role == "store" else {"topic": self.unique}

    @property
    def topic(self) -> _driver.Topic:
        """The topic itself."""
        return _driver.topic(self.unique)

    def stop(self) -> None:
        """Forget the topic and the document."""
        _driver._topics.pop(self.unique, None)
        _driver.documents().pop(self.unique, None)

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Append to the deque."""
        self.topic.put(messages, None)

    def raw_take(self) -> list[Message]:
        """Take all that is ready."""
        taken = self.topic.take(set(), lambda: 1 << 30, 0, None)
        self.topic.settle([message.position for message in taken])
        return taken

    def raw_write(self, document: bytes) -> None:
        """Put it into the dict."""
        _driver.documents()[self.unique] = document

    def raw_read(self) -> list[bytes]:
        """Look into the dict."""
        documents = _driver.documents()
        return [documents[self.unique]] if self.unique in documents else []

    def raw_waiting(self) -> int:
        """How long the deque is."""
        return self.topic.ready

    def break_with(self, fault: Fault) -> contextlib.AbstractContextManager[object] | None:
        """Have the topic full."""
        # A full topic is the one thing that a deque can refuse, and it fills up from the front.
        if fault.at != "deliver" or fault.kind != "retryable" or fault.retry_after:
            return None
        first = 0 if fault.indexes is None else min(fault.indexes)
        if fault.indexes not in (None, frozenset(range(first, fault.entries or 0))):
            return None
        return self._full_after(first)

    @contextlib.contextmanager
    def _full_after(self, first: int) -> Iterator[None]:
        put = self.topic.put

        def put_some(messages: Sequence[Message], capacity: int | None) -> int:
            return put(messages, len(self.topic) + first)

        with mock.patch.object(self.topic, "put", put_some):
            yield

    def redelivering(self) -> tuple[Mapping[str, Any], float]:
        """A time that a test can wait for."""
        return {"redeliver_after": 0.3}, 0.3

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """A handful."""
        return {"max_unsettled": 5}, 5


class _System:
    """The module os, with some calls that fail."""

    def __init__(self, **calls: Callable[..., Any]) -> None:
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return self._calls[name] if name in self._calls else getattr(os, name)


class FileHarness(Harness):
    """A file of lines that is followed, and a document; the service is the operating system."""

    backend = "file"
    driver_modules: ClassVar[Sequence[str]] = ()
    silence = 0.3
    patience = 3.0

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.lines = self.folder / "messages.txt"
        self.document = self.folder / "document.bin"
        self._taken = 0

    def start(self) -> None:
        """Make the file of lines; it is followed from its beginning."""
        self.lines.touch()

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """Options of the file or the document."""
        if role == "consumer":
            return {"path": str(self.lines), "follow": True}
        return {"path": str(self.document if role == "store" else self.lines)}

    def carries(self, message: Message) -> bool:
        r"""Whether it can be a line: not empty, no line break, and no ``\r`` at its end."""
        data = message.data
        return bool(data) and b"\n" not in data and not data.endswith(b"\r")

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Append lines."""
        with self.lines.open("ab") as file:
            file.writelines(message.data + b"\n" for message in messages)

    def raw_take(self) -> list[Message]:
        """The lines that were not taken before."""
        *lines, rest = self.lines.read_bytes()[self._taken :].split(b"\n")
        self._taken = self.lines.stat().st_size - len(rest)
        return [Message(line) for line in lines]

    def raw_write(self, document: bytes) -> None:
        """Write the document."""
        self.document.write_bytes(document)

    def raw_read(self) -> list[bytes]:
        """Read the document."""
        return [self.document.read_bytes()] if self.document.exists() else []

    def break_with(self, fault: Fault) -> contextlib.AbstractContextManager[object] | None:
        """Have calls of the operating system fail."""
        first = 0 if fault.indexes is None else min(fault.indexes)
        if fault.indexes not in (None, frozenset(range(first, fault.entries or 0))):
            return None  # a disk fills up, and takes nothing after that
        if fault.retry_after or fault.at == "nack":
            return None  # nobody says when a disk will be free; a nack asks nothing of it
        retryable = fault.kind == "retryable"
        if fault.at == "deliver":
            calls = {"write": _writes_lines(first, errno.ENOSPC if retryable else errno.EFBIG)}
        else:
            fails = _fails(errno.EIO if retryable else errno.EACCES)
            names = {"consume": "pread", "ack": "rename", "write": "rename", "read": "open"}
            calls = dict.fromkeys(
                ("open", "stat") if fault.at == "open" else (names[fault.at],), fails
            )
        return mock.patch.object(file_driver, "os", _System(**calls))

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """A handful."""
        return {"max_unsettled": 5}, 5


def _fails(code: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


def _writes_lines(count: int, code: int) -> Callable[[int, bytes], int]:
    """A write that takes so many lines and a half, as a disk that fills up does."""
    left = count

    def write(descriptor: int, data: bytes) -> int:
        nonlocal left
        lines = bytes(data).split(b"\n")[:left]
        if not lines:
            _fails(code)()
        left = 0
        half = bytes(data)[: sum(map(len, lines)) + len(lines) + 1]
        return os.write(descriptor, half)

    return write
