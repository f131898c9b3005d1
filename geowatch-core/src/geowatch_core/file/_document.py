"""A document as a source: one file that holds many items."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from itertools import islice

from geowatch_core.errors import CodecError, PermanentError
from geowatch_core.file import _driver
from geowatch_core.file._place import Place
from geowatch_core.file._position import DocumentRecord, PositionFile
from geowatch_core.message import Message

_log = logging.getLogger(__name__)
_CHUNK = 1 << 20


class Document:
    """Reads the whole file when it is made. A position is the number of items up to and with it.

    Attributes:
        ended: everything in it was given out.
    """

    def __init__(
        self, place: Place, *, unpack: Callable[[bytes], Iterator[bytes]], max_document: int
    ) -> None:
        self.ended = False
        self._path = place.path
        content = _read(place, max_document)
        self._sha256 = hashlib.sha256(content).hexdigest()
        self._items: Iterator[bytes] = iter(unpack(content))
        self._taken = 0
        self._failure: PermanentError | None = None

    def resume(self, memory: PositionFile) -> None:
        """Pass over the items that were settled, if the document is still the same."""
        record = memory.load(DocumentRecord)
        if record is None:
            return
        if record.sha256 == self._sha256:
            while (left := record.items - self._taken) > 0 and self.take(left, settled=True):
                pass  # a damaged document gives what it has, and then raises
            return
        _log.warning(
            "%s: it was changed since %d of its items were settled. It is consumed from its "
            "beginning.",
            ascii(self._path),
            record.items,
        )

    def record(self, position: int) -> DocumentRecord:
        """What to remember when all up to `position` is settled."""
        return DocumentRecord(items=position, sha256=self._sha256)

    def take(self, count: int, *, settled: bool) -> list[Message]:
        """The next messages."""
        messages: list[Message] = []
        try:
            if self._failure is None:
                for item in islice(self._items, count):
                    self._taken += 1
                    messages.append(Message(item, None, (), None, self._taken))
        except CodecError as error:
            self._failure = PermanentError(
                f"The file is not a document of its codec: {error}",
                got=self._path,
                fix='Mend it. If it has one value in each line, set framing = "lines".',
            )
            self._failure.__cause__ = error
        if self._failure is not None and not messages:
            raise self._failure
        self.ended = self._failure is None and len(messages) < count
        return messages

    def close(self) -> None:
        """Let go of the items."""
        self._items = iter(())


def _read(place: Place, most: int) -> bytes:
    file = _driver.open_input(place)
    pieces: list[bytes] = []
    size = 0
    try:
        while size <= most and (piece := file.read(_CHUNK, size)):
            pieces.append(piece)
            size += len(piece)
    finally:
        file.close()
    if size > most:
        raise PermanentError(
            f"The document is larger than max_document = {most} bytes",
            got=place.path,
            fix="Raise max_document, or write it as lines, which are read piece by piece.",
        )
    return b"".join(pieces)
