"""A file of lines as a source: finite, or followed across rotation and truncation."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Final

from geowatch_core.errors import RetryableError
from geowatch_core.file import _driver
from geowatch_core.file._driver import InputFile
from geowatch_core.file._place import Place
from geowatch_core.file._position import LinesRecord, PositionFile
from geowatch_core.file._reader import LineReader
from geowatch_core.message import Message

_log = logging.getLogger(__name__)
_FINGERPRINTED: Final = 1024
_QUIET: Final = 1.0
"""Seconds without a new line after which a renamed file is left for the one that has its name."""


class Lines:
    """Reads one file at a time, and goes on to the next when all of this one is settled.

    So a position is a byte of one known file, and no two files are ever unsettled at once.

    Attributes:
        ended: the file is not followed, and everything in it was given out.
    """

    def __init__(self, place: Place, *, follow: bool, max_line: int) -> None:
        self.ended = False
        self._place = place
        self._follow = follow
        self._max_line = max_line
        self._quiet_since: float | None = None
        self._file = _driver.open_input(place, may_appear=follow)
        self._reader = LineReader(self._file, max_line)

    def resume(self, memory: PositionFile) -> None:
        """Go on at the remembered position, if the file is still the one that it means."""
        record = memory.load(LinesRecord)
        if record is None:
            return
        if not _fits(self._file, record):
            found = self._renamed(record)
            if found is None:
                _log.warning(
                    "%s: it was replaced, truncated or rotated away since position %d was "
                    "remembered. It is consumed from its beginning.",
                    ascii(self._place.path),
                    record.offset,
                )
                return
            self._file.close()
            self._file = found
        offset = record.offset
        if record.line is not None and self._file.read(1, offset) not in {b"", b"\n"}:
            offset = record.line  # the line has grown since: it was not the whole of it
        self._reader = LineReader(self._file, self._max_line, offset)

    def record(self, position: int) -> LinesRecord:
        """What to remember when all up to `position` is settled."""
        unended = self._reader.unended if position == self._reader.offset else None
        mark = _fingerprint(self._file, position)
        return LinesRecord(inode=self._file.inode, offset=position, fingerprint=mark, line=unended)

    def take(self, count: int, *, settled: bool) -> list[Message]:
        """The next messages; `settled` tells whether all that were taken before are."""
        messages = self._reader.read(count, final=not self._follow)
        if messages:
            self._quiet_since = None
        elif self._reader.rewritten:
            self._start_over(settled)
            return []
        elif self._follow:
            return self._next_file(count, settled)
        self.ended = self._reader.at_end and not self._follow
        return messages

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _start_over(self, settled: bool) -> None:
        if settled:
            _log.warning(
                "%s: it was truncated or rewritten at byte %d. It is consumed from its beginning.",
                ascii(self._place.path),
                self._reader.offset,
            )
            self._reader = LineReader(self._file, self._max_line)

    def _next_file(self, count: int, settled: bool) -> list[Message]:
        """At the end of the file: go on to the one that has its name now, if that is another.

        Who writes may go on with the renamed file for a while. So it is read until the new one has
        something in it, and then until it was quiet for a while and has given everything.
        """
        now = _driver.status(self._place)
        if now is None or self._file.has(now) or not now.st_size:
            self._quiet_since = None
            return []
        since = self._quiet_since = self._quiet_since or time.monotonic()
        if time.monotonic() - since < _QUIET or not settled:
            return []
        rest = self._reader.read(count, final=True)
        if rest:
            return rest
        try:
            new = _driver.open_input(self._place, may_appear=True)
        except RetryableError:  # renamed again, just now
            return []
        self._file.close()
        self._file, self._quiet_since = new, None
        self._reader = LineReader(new, self._max_line)
        return self._reader.read(count, final=False)

    def _renamed(self, record: LinesRecord) -> InputFile | None:
        """The file that was followed, if it was rotated away while nobody looked."""
        found = _driver.open_sibling(self._place, record.inode) if self._follow else None
        if found is not None and not _fits(found, record):
            found.close()
            return None
        return found


def _fits(file: InputFile, record: LinesRecord) -> bool:
    """Whether a file is the one that was remembered, and still has what was settled."""
    return (
        file.inode == record.inode
        and file.size() >= record.offset
        and _fingerprint(file, record.offset) == record.fingerprint
    )


def _fingerprint(file: InputFile, offset: int) -> str:
    size = min(offset, _FINGERPRINTED)
    return hashlib.sha256(file.read(size, 0) + file.read(size, offset - size)).hexdigest()
