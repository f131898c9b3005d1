"""What producers and stores have in common: they encode, and answer for each message."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import UNSET

from geowatch_core.errors import CodecError, TooLargeError
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.role import Role

__all__ = ["Sink"]


class Sink(Role, ABC):
    """A destination: a `Producer` or a `Store`."""

    def encode(self, messages: Sequence[Message]) -> tuple[list[Message], dict[int, Outcome]]:
        """The messages in this destination's codec, and by index those that it refuses.

        An untouched message that arrived in the same codec is handed on as it is. Every other one
        becomes a new message with new bytes; the one given stays as it was.
        """
        native = {
            id(origin)
            for origin in {id(m.origin): m.origin for m in messages}.values()
            if origin is None or origin.codec == self.codec
        }
        if all(m._value is UNSET and id(m.origin) in native for m in messages):
            return list(messages), {}
        encoded: list[Message] = []
        refused: dict[int, Outcome] = {}
        for index, message in enumerate(messages):
            if message._value is UNSET and id(message.origin) in native:
                encoded.append(message)
                continue
            try:
                data = self.codec.encode(message.value if message.touched else message.peek())
            except CodecError as error:
                refused[index] = error
            else:
                encoded.append(msgspec.structs.replace(message, data=data, _value=UNSET))
        return encoded, refused

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
