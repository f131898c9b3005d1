"""Splits an open file into lines."""

from __future__ import annotations

from itertools import accumulate, count, takewhile
from operator import add
from typing import Final

from geowatch_core.errors import PermanentError, RetryableError
from geowatch_core.file._driver import InputFile
from geowatch_core.message import Message

_CHUNK: Final = 1 << 18
_REMEMBERED: Final = 64


class LineReader:
    r"""The lines of a file, from an offset on, as messages whose position is the byte behind them.

    A line ends with ``\n`` or ``\r\n``; neither is part of it. Empty lines are passed over.

    Attributes:
        offset: behind the last line that was split off.
        at_end: the last ``read`` found no more lines, and not because of an error.
        rewritten: what stood before ``offset`` is no longer there: nothing more is read.
        unended: where the last line starts, if it was given out without an end.
    """

    def __init__(self, file: InputFile, max_line: int, offset: int = 0) -> None:
        self.offset = offset
        self.at_end = False
        self.rewritten = False
        self.unended: int | None = None
        self._file = file
        self._max_line = max_line
        self._before = file.read(min(offset, _REMEMBERED), max(offset - _REMEMBERED, 0))
        self._lines: list[bytes] = []
        self._ends: list[int] = []
        self._at = 0

    def read(self, most: int, *, final: bool) -> list[Message]:
        """The next messages; fewer than `most` at the end of the file.

        With `final`, what stands behind the last line end is a line too.

        Raises:
            PermanentError: the next line is too long. All lines before it came first.
            RetryableError: the disk did not give it.
        """
        messages: list[Message] = []
        self.at_end = False
        while len(messages) < most:
            if self._at == len(self._lines) and not self._filled(final, messages):
                break
            at = self._at
            self._at = upto = min(at + most - len(messages), len(self._lines))
            messages += [
                Message(line, None, (), None, end)
                for line, end in zip(self._lines[at:upto], self._ends[at:upto], strict=True)
            ]
        return messages

    def _filled(self, final: bool, before: list[Message]) -> bool:
        try:
            return self._fill(final)
        except (PermanentError, RetryableError):
            if before:  # they go first; the next call comes here again
                return False
            raise

    def _fill(self, final: bool) -> bool:
        """Split the next chunk into lines; whether there was one."""
        self.rewritten = self._was_rewritten()
        if self.rewritten:
            return False
        if self.unended is not None:  # what was written behind it since is not a line by itself
            self.at_end = True
            return False
        chunk = self._file.read(_CHUNK, self.offset)
        if b"\n" not in chunk:
            chunk = self._longer(chunk)
        if b"\n" in chunk:
            self._split(chunk)
            return True
        if final and chunk:
            self.unended = self.offset
            self._keep([chunk], [self.offset + len(chunk)], chunk)
            return True
        self.at_end = True
        return False

    def _was_rewritten(self) -> bool:
        size = len(self._before)
        return self._file.read(size, self.offset - size) != self._before

    def _longer(self, chunk: bytes) -> bytes:
        """Read on until a line end, the end of the file, or the longest line."""
        pieces, size = [chunk], len(chunk)
        while size <= self._max_line and (piece := self._file.read(_CHUNK, self.offset + size)):
            pieces.append(piece)
            size += len(piece)
            if b"\n" in piece:
                break
        if size > self._max_line:
            self._require_end(b"".join(pieces))
        return b"".join(pieces)

    def _require_end(self, chunk: bytes) -> None:
        if chunk.find(b"\n", 0, self._max_line + 1) < 0:
            raise PermanentError(
                f"A line of {self._file.path!a} is longer than max_line = {self._max_line} bytes",
                got=f"the line at byte {self.offset}",
                fix="Raise max_line if the line is right. Otherwise take it out of the file.",
            )

    def _split(self, chunk: bytes) -> None:
        lines = chunk.split(b"\n")
        lines.pop()  # the start of a line that goes on in the next chunk
        if len(chunk) > self._max_line:
            self._require_end(chunk)
            lines = list(takewhile(lambda line: len(line) <= self._max_line, lines))
        ends = list(map(add, accumulate(map(len, lines)), count(self.offset + 1)))
        if b"\r" in chunk:  # a search for two bytes would cost as much as all the rest
            lines = [line.removesuffix(b"\r") for line in lines]
        self._keep(lines, ends, chunk[: ends[-1] - self.offset])
        if b"" in lines:
            self._lines = list(filter(None, lines))
            self._ends = [end for line, end in zip(lines, ends, strict=True) if line]

    def _keep(self, lines: list[bytes], ends: list[int], read: bytes) -> None:
        self.offset, self._before = ends[-1], read[-_REMEMBERED:]
        self._lines, self._ends, self._at = lines, ends, 0
