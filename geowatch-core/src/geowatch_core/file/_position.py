"""Remembers on disk how far a file was settled."""

from __future__ import annotations

import os
from typing import Annotated, ClassVar, Final, TypeVar

import msgspec

from geowatch_core.errors import PermanentError
from geowatch_core.file import _driver
from geowatch_core.file._place import Place

_VERSION: Final = 1
_Count = Annotated[int, msgspec.Meta(ge=0)]
R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, tag_field="framing", forbid_unknown_fields=True, kw_only=True):
    """What a position file says. Enough to know the file again, so that none of it is skipped."""

    version: int = _VERSION


class LinesRecord(Record, tag="lines", kw_only=True):
    """How far a file of lines was settled.

    Args:
        inode: which file it was. Not the device: its number changes when the machine restarts.
        offset: the byte behind the last settled line.
        fingerprint: of the file's start and of what stands before `offset`.
        line: where the last settled line starts, if the file ended before that line did.
    """

    inode: int
    offset: _Count
    fingerprint: str
    line: _Count | None = None


class DocumentRecord(Record, tag="document", kw_only=True):
    """How many items of a document were settled, and the SHA-256 of the whole document."""

    items: _Count
    sha256: str


class PositionFile:
    """A position file, locked for as long as it is open.

    Two consumers that shared one would each move the other's position over messages that only one
    of them has delivered.
    """

    _FIX: ClassVar = (
        "Another consumer remembers its position there. Stop it, or give each a file of its own "
        "with the option position."
    )

    def __init__(self, place: Place, timeout: float) -> None:
        self._place = place
        self._timeout = timeout
        self._held = _driver.hold(place, self._FIX)

    def load(self, kind: type[R]) -> R | None:
        """What was saved last; None if nothing was, so far.

        Raises:
            PermanentError: it is not a position file of this kind.
        """
        saved = _driver.read_document(self._place)
        if not saved:
            return None
        try:
            record = msgspec.json.decode(saved, type=LinesRecord | DocumentRecord)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise self._unusable(f"The position file is damaged: {error}") from error
        version = record.version
        if version != _VERSION:
            raise self._unusable(f"The position file has version {version}, not {_VERSION}")
        if not isinstance(record, kind):
            raise self._unusable("The position file belongs to another framing of the file")
        return record

    def save(self, record: Record) -> None:
        """Remember; durable when it returns."""
        with _driver.replacing(self._place, self._timeout) as new:
            new.commit(msgspec.json.encode(record) + b"\n")
            held, self._held = self._held, new.keep()
            os.close(held)

    def close(self) -> None:
        """Let go of it. A second call does nothing."""
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)

    def _unusable(self, what: str) -> PermanentError:
        return PermanentError(
            what,
            got=self._place.path,
            fix="Delete it to consume the file from its beginning: what was acked comes again.",
        )
