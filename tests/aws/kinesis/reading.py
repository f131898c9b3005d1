"""Consumers to read a stream with, and what they bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from geowatch_core import (
    Consumer,
    Message,
    RetryableError,
    provision_consumer,
)
from tests.aws.kinesis.stream import Stream
from tools.local import until


@contextmanager
def opened(stream: Stream, **more: Any) -> Iterator[Consumer]:
    """An open consumer of a stream."""
    with provision_consumer("kinesis", **{**stream.reading, "max_tries": 1, **more}) as consumer:
        yield consumer


def texts(consumer: Consumer, count: int, *, failing: bool = False) -> list[str]:
    """The next texts, each acked when it has come."""
    messages = brought(consumer, count, ack=True, failing=failing)
    return [message.data.decode() for message in messages]


def brought(
    consumer: Consumer, count: int, *, ack: bool = False, failing: bool = False
) -> list[Message]:
    """The next messages; of a service that may be `failing` before it brings them."""
    messages: list[Message] = []

    def enough() -> bool:
        with suppress(RetryableError) if failing else nullcontext():
            new = consumer.consume(count - len(messages), 0.2)
            if ack:
                consumer.ack(new)
            messages.extend(new)
        return len(messages) >= count

    until(enough, f"{count} messages came")
    return messages


def nothing_more(consumer: Consumer) -> bool:
    """Whether nothing comes for a while."""
    return not consumer.consume(10, 0.5)


def raises(consumer: Consumer, kind: type[Exception]) -> None:
    """Wait until consume raises that."""

    def raised() -> bool:
        try:
            consumer.consume(1, 0.1)
        except kind:
            return True
        return False

    until(raised, f"{kind.__name__} is raised")


def acked(consumer: Consumer, messages: list[Message]) -> bool:
    """Whether they could be acked."""
    try:
        consumer.ack(messages)
    except RetryableError:
        return False
    return True
