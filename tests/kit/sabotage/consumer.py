"""Consumers that break one promise each; everything else they do as the good twin does."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import attrs
import msgspec

from geowatch_core.errors import PermanentError
from geowatch_core.file.consumer import FileConsumer
from geowatch_core.message import Message
from geowatch_core.settlement import SettledPrefix
from tests.kit.twin import _driver
from tests.kit.twin.consumer import TwinConsumer

_log = logging.getLogger(__name__)


class AcksEarly(TwinConsumer):
    """Settles what it consumes, as a queue read without acknowledgement does."""

    def _consume(self, count: int, timeout: float) -> list[Message]:
        messages = super()._consume(count, timeout)
        super()._ack(messages)
        return messages


class ForgetsAcks(TwinConsumer):
    """Notes an ack, and does not tell the service."""

    def _ack(self, messages: Sequence[Message]) -> None:
        self._call("ack")


class SettlesAllBefore(TwinConsumer):
    """Takes the ack of one message for that of every earlier one."""

    def _ack(self, messages: Sequence[Message]) -> None:
        last = max(message.position for message in messages)
        self._topic.settle([position for position in self._unsettled if position <= last])
        self._unsettled = {position for position in self._unsettled if position > last}


class _Careless(SettledPrefix[int]):
    def reach(self, positions: Collection[int]) -> int | None:
        return max(positions)


class SettlesPastAGap(FileConsumer):
    """Commits the last position that was acked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prefix = _Careless()


class DropsNacked(TwinConsumer):
    """Takes a nack for an ack."""

    def _nack(self, messages: Sequence[Message]) -> None:
        super()._ack(messages)


class SettlesTwice(TwinConsumer):
    """Takes any settlement, as often as it comes."""

    def ack(self, messages: Sequence[Message]) -> None:
        """Settle, without a look at what was settled before."""
        self._require_open()
        self._ack(messages)


class LosesOnRetry(TwinConsumer):
    """Forgets an ack that the service did not take, and does nothing when it is repeated."""

    def _ack(self, messages: Sequence[Message]) -> None:
        fresh = [message for message in messages if message.position in self._unsettled]
        self._unsettled.difference_update([message.position for message in fresh])
        if fresh:
            self._call("ack")
            self._topic.settle([message.position for message in fresh])

    def _close(self) -> None:
        self._topic.give_back(self._topic._unsettled)  # as a service does when the lease runs out


class HangsInClose(TwinConsumer):
    """Holds a lock while it waits, which close wants too."""

    _lock: threading.Lock

    def _open(self) -> None:
        super()._open()
        self._lock = threading.Lock()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        with self._lock:
            return self._topic.take(self._unsettled, lambda: count, timeout, None)

    def _close(self) -> None:
        with self._lock:
            super()._close()


class IgnoresStop(TwinConsumer):
    """Asks the service to wait in steps of three seconds."""

    def _consume(self, count: int, timeout: float) -> list[Message]:
        return super()._consume(count, 3.0 if timeout > 0.1 else timeout)


class WaitsForFullBatch(TwinConsumer):
    """Goes on waiting until the batch is full."""

    def _consume(self, count: int, timeout: float) -> list[Message]:
        deadline = time.monotonic() + timeout
        messages = super()._consume(count, timeout)
        while len(messages) < count and not self._closed and time.monotonic() < deadline:
            messages += super()._consume(count - len(messages), 0.05)
        return messages


class LeaksASecret(TwinConsumer):
    """Shows the token in an error."""

    def _call(self, at: str) -> None:
        try:
            super()._call(at)
        except PermanentError as error:
            raise PermanentError(
                "The service refused", got={"token": self.token.reveal()}, fix="Use another token."
            ) from error


class LogsASecret(TwinConsumer):
    """Shows the token in a log line that only DEBUG writes."""

    def _open(self) -> None:
        super()._open()
        _log.debug("connecting with %s", self.token.reveal())


class FetchesWithoutBound(TwinConsumer):
    """Fetches all that there is, and brings it in small portions."""

    _fetched: list[Message]

    def _open(self) -> None:
        super()._open()
        self._fetched = []

    def _consume(self, count: int, timeout: float) -> list[Message]:
        if not self._fetched:
            self._fetched = super()._consume(1 << 30, timeout)
        messages, self._fetched = self._fetched[:count], self._fetched[count:]
        return messages


class ForgetsNothing(TwinConsumer):
    """Remembers every message that it ever settled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._history: list[tuple[int, str]] = []

    def _ack(self, messages: Sequence[Message]) -> None:
        super()._ack(messages)
        self._history += [(message.position, f"acked {message.position}") for message in messages]


class IgnoresSaturation(TwinConsumer):
    """Has no limit of what is unsettled."""

    def __init__(self, options: Any, /, **kwargs: Any) -> None:
        super().__init__(attrs.evolve(options, max_unsettled=1 << 30), **kwargs)


class NeverRedelivers(TwinConsumer):
    """Keeps what is unsettled to itself, whatever the options say."""

    def __init__(self, options: Any, /, **kwargs: Any) -> None:
        super().__init__(attrs.evolve(options, redeliver_after=None), **kwargs)


class LeaksTheDriver(TwinConsumer):
    """Lets what the client raises out."""

    def _call(self, at: str) -> None:
        _driver.call(self.channel, at)


class LeavesAThread(TwinConsumer):
    """Starts a thread that nobody stops."""

    def _open(self) -> None:
        super()._open()
        threading.Thread(target=threading.Event().wait, daemon=True, name="heartbeat").start()


class LeavesASocket(TwinConsumer):
    """Opens a socket that nobody closes."""

    _kept: ClassVar[list[socket.socket]] = []

    def _open(self) -> None:
        super()._open()
        self._kept.append(socket.socket())


class LosesKeys(TwinConsumer):
    """Claims keys, and brings none."""

    def _consume(self, count: int, timeout: float) -> list[Message]:
        messages = super()._consume(count, timeout)
        return [msgspec.structs.replace(message, key=None) for message in messages]


class StripsBytes(TwinConsumer):
    """Takes line ends and blanks away."""

    def _consume(self, count: int, timeout: float) -> list[Message]:
        messages = super()._consume(count, timeout)
        return [msgspec.structs.replace(m, data=m.data.strip()) for m in messages]


class HoldsItsLock(TwinConsumer):
    """Settles only when no other thread waits for messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        with self._lock:
            return super()._consume(count, timeout)

    def _ack(self, messages: Sequence[Message]) -> None:
        with self._lock:
            super()._ack(messages)
