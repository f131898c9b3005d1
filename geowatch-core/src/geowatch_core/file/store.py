"""Keeps messages in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from geowatch_core.codec import Codec
from geowatch_core.errors import CodecError, PermanentError
from geowatch_core.file import _driver
from geowatch_core.file._encoded import to_lines
from geowatch_core.file._place import Place
from geowatch_core.file.backend import STORE
from geowatch_core.file.options import FileStoreOptions
from geowatch_core.message import Message
from geowatch_core.store import Store


class FileStore(Store):
    """One document on disk. A write replaces it as a whole, or with ``append`` adds to it.

    Where the codec has a document format of its own, adding reads the document and replaces it by
    one that holds more, so that it is always valid: each write costs as much as the document is
    large. Other codecs add lines.
    """

    capabilities = STORE

    def __init__(self, options: FileStoreOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(
            name=name, codec=codec, which=options.which, which_index=options.which_index
        )
        self.capabilities = attrs.evolve(STORE, replaces=not options.append)
        self._options = options
        self._place = Place.of(options.path, options.root)

    def _open(self) -> None:
        _driver.check_target(self._place)

    def _write(self, messages: Sequence[Message]) -> None:
        if self._options.append and not self.codec.document:
            self._append_lines(messages)
            return
        document = None if self._options.append else self.document(messages)
        with _driver.replacing(self._place, self._options.timeout) as new:
            new.commit(self._grown(new.current(), messages) if document is None else document)

    def _append_lines(self, messages: Sequence[Message]) -> None:
        payload, refused = to_lines(self.codec, messages)
        for error in refused.values():
            raise error
        _, failure = _driver.append(self._place, payload, self._options.timeout)
        if failure is not None:
            raise failure

    def _grown(self, current: bytes | None, messages: Sequence[Message]) -> bytes:
        try:
            items = list(self.codec.unpack(current)) if current else []
        except CodecError as error:
            raise PermanentError(
                f"The file is not a document of the codec {self.codec.name}, and "
                f"nothing can be added to it: {error}",
                got=self._place.path,
                fix="Mend it, or move it away.",
            ) from error
        return self.codec.pack([*items, *(message.data for message in messages)])

    def _read(self) -> Iterator[bytes]:
        document = _driver.read_document(self._place)
        return iter(() if document is None else (document,))

    def _close(self) -> None:
        """Nothing is held between two calls."""
