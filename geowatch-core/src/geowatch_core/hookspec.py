"""The hooks: two that register, six that observe.

Observers receive batches, never single messages, in the thread that runs the broker. What an
observer raises stops the broker, as an error in any code of its user does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from geowatch_core.backend import Backend
    from geowatch_core.codec import Codec
    from geowatch_core.flow.report import Report
    from geowatch_core.message import Message
    from geowatch_core.outcome import Outcome

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "geowatch"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def geowatch_backend() -> Backend:  # type: ignore[empty-body]  # a specification has no body
    """Register a backend. Its module is the value of an entry point in ``geowatch.backends``."""


@hookspec(firstresult=True)
def geowatch_codecs() -> Sequence[type[Codec]]:  # type: ignore[empty-body]  # as above
    """Register codecs. Their module is the value of entry points in ``geowatch.codecs``."""


@hookspec
def geowatch_started(broker: Any) -> None:
    """The broker opened its channels and begins to consume."""


@hookspec
def geowatch_consumed(broker: Any, source: str, messages: Sequence[Message]) -> None:
    """A batch came from the source of that name."""


@hookspec
def geowatch_delivered(broker: Any, destination: str, messages: Sequence[Message]) -> None:
    """The destination of that name confirmed these."""


@hookspec
def geowatch_failed(
    broker: Any, destination: str, messages: Sequence[Message], outcomes: Sequence[Outcome]
) -> None:
    """The destination of that name did not take these; the outcomes are errors, in order."""


@hookspec
def geowatch_settled(broker: Any, source: str, messages: Sequence[Message]) -> None:
    """The source of that name has remembered that these are done."""


@hookspec
def geowatch_stopped(broker: Any, report: Report) -> None:
    """The run has ended; the report says what became of every message."""
