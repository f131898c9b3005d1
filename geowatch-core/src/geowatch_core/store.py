"""A store keeps messages outside any stream: it writes them, and reads them back."""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar

from geowatch_core.codec import Codec
from geowatch_core.errors import (
    CodecError,
    ConfigurationError,
    PermanentError,
    RetryableError,
    TooLargeError,
)
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.sink import Sink, all_confirmed, merged
from geowatch_core.window import Window

__all__ = ["Store", "Which"]

T = TypeVar("T")


class Which(enum.StrEnum):
    """Which messages of a batch a store keeps, and which items of a document it gives."""

    ALL = "all"
    FIRST = "first"
    LAST = "last"
    INDEX = "index"

    def of(self, items: Sequence[T], index: int = 0) -> Sequence[T]:
        """The chosen ones of `items`; none where the index is past the end."""
        match self:
            case Which.ALL:
                return items
            case Which.FIRST:
                return items[:1]
            case Which.LAST:
                return items[-1:]
            case Which.INDEX:
                return items[index : index + 1]


class Store(Sink):
    """Keeps messages outside any stream.

    A write is one document. With ``which="all"`` it packs every message of the batch (a GeoJSON
    FeatureCollection, a JSON array, lines); otherwise it is the one message that `which` names, as
    it is, and the others are confirmed without being kept: that is what `which` asks for.

    A backend fills ``_write`` and, where it reads back, ``_read``.

    Args:
        which: all, first, last, or index with `which_index` counted from 0.
    """

    def __init__(
        self, *, name: str, codec: Codec, which: Which = Which.ALL, which_index: int = 0
    ) -> None:
        super().__init__(name=name, codec=codec)
        self.which = which
        self.which_index = which_index

    def write(self, messages: Sequence[Message]) -> list[Outcome]:
        """Encode and write one batch; one outcome for each message, in order.

        Raises:
            ClosedError: not open.
        """
        encoded, refused = self.encode(messages)
        return merged(len(messages), refused, self.write_encoded(encoded))

    def write_encoded(self, messages: Sequence[Message]) -> list[Outcome]:
        """Write messages whose ``data`` is already in this store's codec.

        Raises:
            ClosedError: not open.
        """
        self._require_open()
        kept = self.which.of(messages, self.which_index)
        if not kept:
            return all_confirmed(len(messages))
        try:
            self._write(kept)
        except CodecError as error:
            return self._write_others(messages, error)
        except (RetryableError, PermanentError) as error:
            return [error] * len(messages)
        return all_confirmed(len(messages))

    def _write_others(self, messages: Sequence[Message], error: CodecError) -> list[Outcome]:
        """Write without those that cannot stand in a document, not even alone."""
        refused = {i: why for i, m in enumerate(messages) if (why := self._refusal(m))}
        if not refused:
            return [error] * len(messages)
        others = [message for i, message in enumerate(messages) if i not in refused]
        return merged(len(messages), refused, self.write_encoded(others))

    def _refusal(self, message: Message) -> Outcome | None:
        try:
            self.document([message])
        except CodecError as error:
            return error
        return None

    deliver = write
    deliver_encoded = write_encoded

    def read(self) -> list[Message]:
        """What the store holds: the items of its document that `which` names; none if it is empty.

        Raises:
            ClosedError: not open.
            DecodeError: what is stored is not a document of this codec.
            RetryableError, PermanentError: the service did not give it.
        """
        self._require_open()
        items = [item for document in self._read() for item in self.codec.unpack(document)]
        chosen = self.which.of(items, self.which_index)
        return [Message(item, origin=self) for item in chosen]

    def settle(self) -> None:
        """Note that all that the last ``read`` brought was dealt with.

        A store that remembers does not bring it again; others do.

        Raises:
            ClosedError: not open.
            RetryableError, PermanentError: it could not be noted.
        """
        self._require_open()
        self._settle()

    def document(self, messages: Sequence[Message]) -> bytes:
        """The document that a write of these encoded messages stores.

        Raises:
            EncodeError: the codec cannot pack them into one document.
            TooLargeError: the document is larger than the store takes.
        """
        if self.which is Which.ALL:
            document = self.codec.pack(message.data for message in messages)
        else:
            document = messages[0].data
        limit = self.capabilities.max_message
        if limit is not None and len(document) > limit:
            raise TooLargeError(
                f"{self.name} takes documents of at most {limit} bytes",
                got=len(document),
                fix="Write fewer messages at once, or raise the limit at the service.",
            )
        return document

    def window(self, lease: float = 15.0) -> Window:
        """A memory of what was seen, shared by all brokers whose store names the same place.

        It works while this store is open.

        Args:
            lease: seconds after which others take over what a dead broker had reserved.

        Raises:
            ConfigurationError: this kind of store has none.
        """
        raise ConfigurationError(
            f"{self.name} cannot remember for several brokers what was seen",
            fix="Take a store whose capabilities say windows.",
        )

    @abstractmethod
    def _write(self, messages: Sequence[Message]) -> None:
        """Keep these, encoded; never empty. Returning means that the service confirmed it.

        Raises:
            RetryableError, PermanentError, EncodeError: nothing was written, as far as is known.
        """

    def _read(self) -> Iterator[bytes]:
        """The documents that are stored, oldest first; none if there is nothing."""
        raise PermanentError(
            f"{self.name} cannot read back what it wrote",
            fix="Read it with the service's own tools.",
        )

    def _settle(self) -> None:
        """Remember what ``_read`` brought, where that is possible."""
