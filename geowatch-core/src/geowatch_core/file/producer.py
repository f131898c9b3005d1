"""Delivers to a file."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.codec import Codec
from geowatch_core.file import _driver
from geowatch_core.file._encoded import to_lines
from geowatch_core.file._place import Place
from geowatch_core.file.backend import PRODUCER
from geowatch_core.file.options import FileProducerOptions
from geowatch_core.message import Message
from geowatch_core.outcome import CONFIRMED, Outcome
from geowatch_core.producer import Producer
from geowatch_core.sink import merged


class FileProducer(Producer):
    """Appends lines to a file, durably: what it confirms has been synced to disk.

    Any number of producers, in any number of processes, may append to one file. What one that was
    killed left half-written at its end is cut off by the next.
    """

    capabilities = PRODUCER

    def __init__(self, options: FileProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self._timeout = options.timeout
        self._place = Place.of(options.path, options.root)

    def _open(self) -> None:
        self._append(b"")

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        payload, refused = to_lines(self.codec, messages)
        return merged(len(messages), {**refused}, self._append(payload) if payload else ())

    def _append(self, payload: bytes) -> list[Outcome]:
        kept, failure = _driver.append(self._place, payload, self._timeout)
        answers: list[Outcome] = [CONFIRMED] * payload.count(b"\n", 0, kept)
        if failure is not None:
            answers += [failure] * payload.count(b"\n", kept)
        return answers

    def _close(self) -> None:
        """Nothing is held between two calls."""
