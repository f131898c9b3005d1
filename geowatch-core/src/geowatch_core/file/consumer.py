"""Consumes from a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

import attrs

from geowatch_core.capabilities import Settlement
from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.file._document import Document
from geowatch_core.file._lines import Lines
from geowatch_core.file._place import Place
from geowatch_core.file._position import PositionFile
from geowatch_core.file.backend import CONSUMER
from geowatch_core.file.options import FileConsumerOptions, Framing
from geowatch_core.message import Message
from geowatch_core.settlement import SettledPrefix

_DOCUMENTS: Final = (".json", ".geojson")
_FIRST_POLL: Final = 0.01
_LONGEST_POLL: Final = 0.2


class FileConsumer(Consumer):
    """Brings the lines of a file, or the items of a document, in order.

    How far all messages without a gap were acked is remembered on disk before ``ack`` returns, and
    the next consumer goes on there. A given-back message comes again before all later ones.

    The position of a message is the byte behind its line (so ``head -c POSITION FILE | tail -n 1``
    shows it), or the number of its item in the document, from 1.
    """

    capabilities = CONSUMER

    def __init__(self, options: FileConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        can = attrs.evolve(CONSUMER, max_unsettled=options.max_unsettled)
        if not options.remember:
            can = attrs.evolve(can, settles=Settlement.NONE, starts_over=True)
        self.capabilities = can
        self._options = options
        self._place = Place.of(options.path, options.root)
        self._source: Lines | Document | None = None
        self._memory: PositionFile | None = None
        self._changed = threading.Condition()
        self._saving = threading.Lock()
        self._prefix: SettledPrefix[int] = SettledPrefix()
        self._again: list[Message] = []

    @property
    def exhausted(self) -> bool:
        """Whether the file is not followed, and nothing of it is left to bring."""
        with self._changed:
            return self._done()

    def _done(self) -> bool:
        return self._source is not None and self._source.ended and not self._again

    def _open(self) -> None:
        source = self._made_source()
        try:
            if self._options.remember:
                self._resume(source)
        except BaseException:
            source.close()
            raise
        self._source = source

    def _made_source(self) -> Lines | Document:
        options = self._options
        framing = options.framing
        if framing is None:
            whole = options.path.lower().endswith(_DOCUMENTS) and not options.follow
            framing = Framing.DOCUMENT if whole and self.codec.document else Framing.LINES
        if framing == Framing.LINES:
            return Lines(self._place, follow=options.follow, max_line=options.max_line)
        return Document(self._place, unpack=self.codec.unpack, max_document=options.max_document)

    def _resume(self, source: Lines | Document) -> None:
        place = Place.of(self._options.position_path, self._options.root)
        memory = PositionFile(place, self._options.timeout)
        try:
            source.resume(memory)
        except BaseException:
            memory.close()
            raise
        self._memory = memory

    def _consume(self, count: int, timeout: float) -> list[Message]:
        deadline = time.monotonic() + timeout
        poll = _FIRST_POLL
        with self._changed:
            while not self._closed:
                messages = self._next(count)
                left = deadline - time.monotonic()
                if messages or left <= 0 or self._done():
                    return messages
                self._changed.wait(min(left, poll))
                poll = min(2 * poll, _LONGEST_POLL)
        return []

    def _next(self, count: int) -> list[Message]:
        if self._again:
            messages, self._again = self._again[:count], self._again[count:]
            return messages
        room = self._options.max_unsettled - len(self._prefix)
        if room <= 0 or self._source is None:
            return []
        messages = self._source.take(min(count, room), settled=not len(self._prefix))
        self._prefix.deliver([message.position for message in messages])
        return messages

    def _ack(self, messages: Sequence[Message]) -> None:
        positions = [message.position for message in messages]
        with self._saving:
            self._require_open()
            with self._changed:
                reached = self._prefix.reach(positions)
            # Saving can fail: what is not on disk stays unsettled. Meanwhile others may consume.
            if reached is not None and self._memory is not None and self._source is not None:
                self._memory.save(self._source.record(reached))
            with self._changed:
                self._prefix.settle(positions)
                self._changed.notify_all()

    def _nack(self, messages: Sequence[Message]) -> None:
        again = [Message(m.data, None, (), None, m.position) for m in messages]
        with self._changed:
            self._again = sorted([*self._again, *again], key=lambda message: message.position)
            self._changed.notify_all()

    def _close(self) -> None:
        with self._saving, self._changed:
            if self._source is not None:
                self._source.close()
            if self._memory is not None:
                self._memory.close()
            self._again = []
            self._changed.notify_all()
