"""Producers that break one promise each; everything else they do as the good twin does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import msgspec

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.memory import _driver as memory
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from tests.kit.twin.backend import STREAM_TOO_PROUD
from tests.kit.twin.producer import TwinProducer

_log = logging.getLogger(__name__)


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
