"""A service that takes batches and answers for each entry, and that can be told to fail."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.memory import _driver
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.testing import Fault
from tests.kit.twin.backend import LARGEST, LARGEST_BATCH, MOST

FAULTS: dict[str, Fault] = {}
"""By channel, how the service fails now."""


class DriverError(Exception):
    """What this client raises."""

    def __init__(self, code: str, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after


def call(channel: str, at: str) -> None:
    """One call of the service, which may fail as a whole."""
    fault = FAULTS.get(channel)
    if fault is not None and fault.at == at and fault.indexes is None:
        raise DriverError(fault.kind, fault.retry_after)


def send(channel: str, messages: Sequence[Message]) -> list[str | None]:
    """Take a batch; for each entry the code of its error, or None."""
    call(channel, "deliver")
    size = sum(len(message.data) for message in messages)
    if len(messages) > MOST or size > LARGEST_BATCH:
        raise DriverError("permanent")
    fault = FAULTS.get(channel)
    failing = fault.indexes if fault is not None and fault.at == "deliver" else None
    codes = [
        fault.kind if fault and index in (failing or ()) else _refusal(message)
        for index, message in enumerate(messages)
    ]
    taken = [message for message, code in zip(messages, codes, strict=True) if code is None]
    _driver.topic(channel).put(taken, None)
    return codes


def _refusal(message: Message) -> str | None:
    return "permanent" if len(message.data) > LARGEST else None


def failure(error: DriverError) -> RetryableError | PermanentError:
    """Ours for what the client raised."""
    if error.code == "retryable":
        fix = "Wait a while."
        return RetryableError("The service is busy", fix=fix, retry_after=error.retry_after)
    return PermanentError("The service refused", got=error.code, fix="Send something else.")


def outcome(code: str | None) -> Outcome:
    """Ours for what the service answered for one entry."""
    return CONFIRMED if code is None else failure(DriverError(code))
