"""Calls the ``process`` of a broker, and makes sure of what it returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from geowatch_core.errors import TransformError
from geowatch_core.message import Message

__all__ = ["processed"]


def processed(
    process: Callable[[list[Message]], Iterable[Message] | None], messages: list[Message]
) -> list[Message]:
    """What is to be delivered in place of `messages`.

    Raises:
        TransformError: ``process`` raised, or returned something else than messages.
    """
    given = list(messages)  # a copy: what process takes out of it is left out, and counted so
    try:
        returned = process(given)
        after: list[Any] = given if returned is None else list(returned)
    except Exception as error:
        raise TransformError(
            f"process raised {type(error).__name__}", got=error, fix="Mend it, and run again."
        ) from error
    for message in after:
        if not isinstance(message, Message):
            fix = "Make one of it with Message.of(value)."
            raise TransformError("process returned what is no Message", got=message, fix=fix)
    return after
