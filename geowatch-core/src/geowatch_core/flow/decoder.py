"""The decode stage: checks a run of messages, and finds what the filters need of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import compress
from operator import attrgetter
from typing import Any

from geowatch_core.codec import Codec, Reader
from geowatch_core.errors import DecodeError
from geowatch_core.flow.batch import Batch
from geowatch_core.flow.failure import Failure
from geowatch_core.message import Message
from geowatch_core.path import Path

__all__ = ["Columns", "Decoder"]

Columns = Mapping[Path, Sequence[Any]]

_data_of = attrgetter("data")
_RUN = 500
"""Messages looked at together: fewer cost more calls (measured)."""
_RUN_OF_VALUES = 100
"""The same where their values are made: more no longer fit the processor's caches (measured)."""


class Decoder:
    """Decodes no more of a message than the values at `paths`, and still checks all of it.

    Args:
        paths: what the filters need to see.
        whole: decode all of every message, because the next thing is code that asks for each value.
        values: values are made of messages, then or later.
    """

    def __init__(self, paths: Sequence[Path], *, whole: bool, values: bool) -> None:
        self._paths = paths
        self._whole = whole
        self._run = _RUN_OF_VALUES if values else _RUN
        self._readers: dict[Codec, Reader] = {}

    def runs(self, batch: Batch) -> Iterator[Sequence[Message]]:
        """What was consumed, cut into what is worked on together."""
        return batch.runs(self._run)

    def decode(self, batch: Batch, run: Sequence[Message]) -> tuple[list[Message], Columns]:
        """The messages that are what their codec promises, and their values at the paths."""
        if batch.source is None or batch.changed:
            return self._by_hand(batch, run)
        codec = batch.source.consumer.codec
        if self._whole:
            # What goes wrong is for the reader to tell.
            with suppress(DecodeError):
                return self._decoded(codec, run)
        if codec not in self._readers:
            self._readers[codec] = codec.reader(self._paths)
        reading = self._readers[codec](list(map(_data_of, run)))
        columns = dict(zip(self._paths, reading.columns, strict=True))
        if not reading.errors:
            for message in run:
                message.checked = True
            return list(run), columns
        for index, error in reading.errors.items():
            batch.failures.append(Failure(run[index], error, 1, "decode"))
        good = [index not in reading.errors for index in range(len(run))]
        kept = {path: list(compress(column, good)) for path, column in columns.items()}
        return list(compress(run, good)), kept

    def _decoded(self, codec: Codec, run: Sequence[Message]) -> tuple[list[Message], Columns]:
        values = codec.decode_all(list(map(_data_of, run)))
        for message, value in zip(run, values, strict=True):
            message.value = value
            message.checked = True
        return list(run), {path: [path.find(value) for value in values] for path in self._paths}

    def _by_hand(self, batch: Batch, run: Sequence[Message]) -> tuple[list[Message], Columns]:
        """Messages that may carry a value: pushed in by hand, or changed by an observer."""
        good: list[Message] = []
        columns: dict[Path, list[Any]] = {path: [] for path in self._paths}
        for message in run:
            try:
                value = message.value if message.touched else message.peek()
            except DecodeError as error:
                batch.failures.append(Failure(message, error, 1, "decode"))
                continue
            good.append(message)
            for path, column in columns.items():
                column.append(path.find(value))
        return good, columns
