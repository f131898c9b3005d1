"""Backends that break one promise each; everything else they do as the good twin does."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar

import attrs
import msgspec

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.file.consumer import FileConsumer
from geowatch_core.memory import _driver as memory
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.settlement import SettledPrefix
from tests.kit.twin import _driver
from tests.kit.twin.backend import STORE_TOO_PROUD, STREAM_TOO_PROUD
from tests.kit.twin.consumer import TwinConsumer
from tests.kit.twin.producer import TwinProducer
from tests.kit.twin.store import TwinStore

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


class SwallowsPartialFailure(TwinProducer):
    """Looks at the call as a whole, as one does who sees an HTTP 200."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        super()._deliver(messages)
        return [CONFIRMED] * len(messages)


class DropsOnRetry(TwinProducer):
    """Takes what it has seen before for a duplicate."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: set[int] = set()

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        fresh = [message for message in messages if id(message) not in self._seen]
        self._seen.update(map(id, messages))
        outcomes = iter(super()._deliver(fresh))
        new = set(map(id, fresh))
        return [next(outcomes) if id(m) in new else CONFIRMED for m in messages]


class MapsToWrongIndex(TwinProducer):
    """Answers errors first and confirmations after them."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        return sorted(super()._deliver(messages), key=lambda outcome: outcome is CONFIRMED)


class MutatesTheMessage(TwinProducer):
    """Adds a header of its own to the message that it was given."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        for message in messages:
            message.headers = (*message.headers, ("trace", b"1"))
        outcomes = super()._deliver(messages)
        for message in messages[1:]:
            message.headers = message.headers[:-1]
        return outcomes


class ReordersAKey(TwinProducer):
    """Sends the last message of a large batch first, as concurrent requests may."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        if len(messages) < 10:
            return super()._deliver(messages)
        return [*super()._deliver(messages[-1:]), *super()._deliver(messages[:-1])]


class BuffersWithoutBound(TwinProducer):
    """Confirms at once, and sends when it is closed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._buffer: list[Message] = []

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        self._buffer += messages
        return [CONFIRMED] * len(messages)

    def _close(self) -> None:
        memory.topic(self.channel).put(self._buffer, None)


class ReportsSuccessOnError(TwinProducer):
    """Logs what goes wrong, and confirms."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        try:
            return super()._deliver(messages)
        except (RetryableError, PermanentError) as error:
            _log.warning("cannot deliver: %s", error)
            return [CONFIRMED] * len(messages)


class RetriesForEver(TwinProducer):
    """Calls every failure retryable."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        try:
            return super()._deliver(messages)
        except PermanentError as error:
            raise RetryableError("The service failed", fix="Wait.") from error


class ForgetsRetryAfter(TwinProducer):
    """Does not hand on how long the service asks to wait."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        try:
            return super()._deliver(messages)
        except RetryableError as error:
            raise RetryableError("The service is busy", fix="Wait.") from error


class SendsTwice(TwinProducer):
    """Sends a batch that half failed once more as a whole."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = super()._deliver(messages)
        if len(messages) > 1 and CONFIRMED in outcomes and set(outcomes) != {CONFIRMED}:
            super()._deliver(messages)
        return outcomes


class CutsShort(TwinProducer):
    """Sends what is too large as far as there is room."""

    def _too_large(self, messages: Sequence[Message]) -> dict[int, Outcome]:
        return {}

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        limit = self.capabilities.max_message
        return super()._deliver([msgspec.structs.replace(m, data=m.data[:limit]) for m in messages])


class SendsBatchesTooLarge(TwinProducer):
    """Counts the entries of a batch wrongly by one."""

    def _calls(self, messages: list[Message]) -> Iterator[list[Message]]:
        claimed = self.capabilities
        self.capabilities = attrs.evolve(claimed, max_batch=(claimed.max_batch or 0) + 1)
        try:
            yield from super()._calls(messages)
        finally:
            self.capabilities = claimed


class LosesHeaders(TwinProducer):
    """Claims headers, and sends each name once."""

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        return super()._deliver(
            [msgspec.structs.replace(m, headers=tuple(dict(m.headers).items())) for m in messages]
        )


class ClaimsToPersist(TwinProducer):
    """Claims that what it confirms outlives the process."""

    capabilities = STREAM_TOO_PROUD


class ClaimsMoreOnceOpen(TwinProducer):
    """Claims more of itself than its backend registered."""

    def _open(self) -> None:
        super()._open()
        self.capabilities = attrs.evolve(self.capabilities, max_batch=500)


class ConfirmsFailedWrites(TwinStore):
    """Logs what goes wrong, and confirms."""

    def _write(self, messages: Sequence[Message]) -> None:
        try:
            super()._write(messages)
        except RetryableError as error:
            _log.warning("cannot write: %s", error)


class ReadsBackwards(TwinStore):
    """Gives the newest first."""

    def read(self) -> list[Message]:
        """Read, the wrong way round."""
        return super().read()[::-1]


class WritesLater(TwinStore):
    """Confirms at once, and writes when it is closed."""

    _later: Sequence[Message] = ()

    def _write(self, messages: Sequence[Message]) -> None:
        self._later = messages

    def _close(self) -> None:
        if self._later:
            super()._write(self._later)


class ClaimsToKeep(TwinStore):
    """Claims that what it stores outlives the process."""

    capabilities = STORE_TOO_PROUD
