"""A codec and three roles that do as a test tells them, to see what the public layers do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import attrs

from geowatch_core import (
    CONFIRMED,
    Capabilities,
    Codec,
    Consumer,
    DecodeError,
    EncodeError,
    Message,
    Outcome,
    Producer,
    Store,
    Which,
)
from geowatch_core.path import Path


@attrs.frozen
class Text(Codec):
    """Texts in UTF-8, each ended by a mark; another mark is another codec."""

    name: ClassVar[str] = "text"
    mark: str = ""

    def encode(self, value: Any) -> bytes:
        """The text and the mark."""
        if not isinstance(value, str):
            raise EncodeError("Not a text", got=value, fix="Deliver texts.")
        return f"{value}{self.mark}".encode()

    def decode(self, data: bytes) -> str:
        """The text without the mark."""
        try:
            return data.decode().removesuffix(self.mark)
        except UnicodeDecodeError as error:
            raise DecodeError("Not UTF-8", got=data, fix="Send UTF-8.") from error

    def line(self, item: bytes) -> bytes:
        """Refuse a text of two lines."""
        if b"\n" in item:
            raise EncodeError("A text of two lines", got=item, fix="Take out the line break.")
        return item


TEXT, MARKED = Text(), Text(mark="!")


def messages(*texts: str) -> list[Message]:
    """Messages by hand with the bytes of these texts."""
    return [Message(text.encode()) for text in texts]


def data(given: Iterable[Message]) -> list[bytes]:
    """The bytes of each."""
    return [message.data for message in given]


class Given(Consumer):
    """Brings the texts it was made with; its channel remembers what was settled."""

    def __init__(self, *texts: str, name: str = "given", codec: Codec = TEXT) -> None:
        super().__init__(name=name, codec=codec)
        self.left = [Message(t.encode(), position=i) for i, t in enumerate(texts)]
        self.acked: list[bytes] = []
        self.nacked: list[bytes] = []
        self.down: Exception | None = None
        self.closes = 0

    def _consume(self, count: int, timeout: float) -> list[Message]:
        brought, self.left = self.left[:count], self.left[count:]
        return brought

    def _ack(self, given: Sequence[Message]) -> None:
        if self.down:
            raise self.down
        self.acked += data(given)

    def _nack(self, given: Sequence[Message]) -> None:
        if self.down:
            raise self.down
        self.nacked += data(given)

    def _close(self) -> None:
        self.closes += 1


class Taking(Producer):
    """Keeps each call of its service, and answers what `answer` makes of it."""

    def __init__(
        self,
        answer: Callable[[list[bytes]], Sequence[Outcome]] | None = None,
        *,
        codec: Codec = TEXT,
        key: Path | None = None,
        **capabilities: Any,
    ) -> None:
        super().__init__(name="taking", codec=codec, key=key)
        self.capabilities = Capabilities(**capabilities)
        self.calls: list[list[bytes]] = []
        self.keys: list[bytes | None] = []
        self._answer = answer or (lambda run: [CONFIRMED] * len(run))

    def _deliver(self, given: Sequence[Message]) -> Sequence[Outcome]:
        self.keys += [message.key for message in given]
        self.calls.append(data(given))
        return self._answer(self.calls[-1])


class Keeping(Store):
    """Keeps each document; `down` is what its service answers instead."""

    def __init__(
        self,
        which: Which = Which.ALL,
        which_index: int = 0,
        *,
        codec: Codec = TEXT,
        **capabilities: Any,
    ) -> None:
        super().__init__(name="keeping", codec=codec, which=which, which_index=which_index)
        self.capabilities = Capabilities(**capabilities)
        self.documents: list[bytes] = []
        self.down: Exception | None = None

    def _write(self, given: Sequence[Message]) -> None:
        if self.down:
            raise self.down
        self.documents.append(self.document(given))

    def _read(self) -> Iterator[bytes]:
        return iter(self.documents)
