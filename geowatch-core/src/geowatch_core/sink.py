"""What producers and stores have in common: they encode, and answer for each message."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Sequence
from operator import attrgetter

from msgspec import UNSET

from geowatch_core.errors import CodecError, TooLargeError
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.role import Role

__all__ = ["Sink"]

_origin_of = attrgetter("origin")


class Sink(Role, ABC):
    """A destination: a `Producer` or a `Store`."""

    def encode(self, messages: Sequence[Message]) -> tuple[list[Message], dict[int, Outcome]]:
        """The messages in this destination's codec, and by index those that it refuses.

        An untouched message that arrived in the same codec is handed on as it is. Every other one
        becomes a new message with new bytes; the one given stays as it was.
        """
        origins = {id(origin): origin for origin in map(_origin_of, messages)}
        native = {
            key for key, origin in origins.items() if origin is None or origin.codec == self.codec
        }
        touched = [m for m in messages if m._value is not UNSET]
        if not touched and len(native) == len(origins):
            return list(messages), {}
        as_they_are = [m._value is UNSET and id(m.origin) in native for m in messages]
        new = iter(
            self._encoded([m for m, same in zip(messages, as_they_are, strict=True) if not same])
        )
        every = [m if same else next(new) for m, same in zip(messages, as_they_are, strict=True)]
        refused: dict[int, Outcome] = {
            i: m for i, m in enumerate(every) if isinstance(m, CodecError)
        }
        return [m for m in every if isinstance(m, Message)], refused

    def _encoded(self, messages: Sequence[Message]) -> list[Message | CodecError]:
        """What each message is encoded to, or why it is not."""
        try:
            data = self.codec.encode_all([message.peek() for message in messages])
        except CodecError as error:
            # One of them is bad, and only one by one tells which.
            return [error] if len(messages) == 1 else [self._encoded([m])[0] for m in messages]
        return [
            Message(new, m.key, m.headers, m.time, m.position, m.origin)
            for m, new in zip(messages, data, strict=True)
        ]

    def _size(self, message: Message) -> int:
        """Bytes of one message as the service counts them."""
        return len(message.data)

    def _too_large(self, messages: Sequence[Message]) -> dict[int, Outcome]:
        limit = self.capabilities.max_message
        if limit is None:
            return {}
        return {
            index: TooLargeError(
                f"{self.name} takes messages of at most {limit} bytes",
                got=size,
                fix="Make the message smaller, or raise the limit at the service.",
            )
            for index, size in enumerate(map(self._size, messages))
            if size > limit
        }

    def _calls(self, messages: list[Message]) -> Iterator[list[Message]]:
        """Cut into runs that fit one call of the service, in order."""
        entries, room = self.capabilities.max_batch, self.capabilities.max_batch_bytes
        if room is None:
            step = entries or max(len(messages), 1)
            yield from (messages[i : i + step] for i in range(0, len(messages), step))
            return
        run: list[Message] = []
        used = 0
        for message in messages:
            size = self._size(message)
            if run and (used + size > room or len(run) == entries):
                yield run
                run, used = [], 0
            run.append(message)
            used += size
        if run:
            yield run


def merged(count: int, known: dict[int, Outcome], rest: Sequence[Outcome]) -> list[Outcome]:
    """`count` outcomes: those `known` by index, and `rest` in order for the others."""
    if not known:
        return list(rest)
    answers = iter(rest)
    return [known[i] if i in known else next(answers) for i in range(count)]


def all_confirmed(count: int) -> list[Outcome]:
    """`count` times `CONFIRMED`."""
    return [CONFIRMED] * count
