"""Splits an open file into lines."""

from __future__ import annotations

from itertools import accumulate, count
from operator import add
from typing import Final

from geowatch_core.errors import PermanentError
from geowatch_core.file._driver import InputFile
from geowatch_core.message import Message

_CHUNK: Final = 1 << 18
_REMEMBERED: Final = 64


class LineReader:
    r"""The lines of a file, from an offset on, as messages whose position is the byte behind them.

    A line ends with ``\n`` or ``\r\n``; neither is part of it. Empty lines are passed over.

    Attributes:
        offset: behind the last line that was split off.
        rewritten: what stood before ``offset`` is no longer there: nothing more is read.
        unended: where the last line starts, if it was given out without an end.
    """

    def __init__(self, file: InputFile, max_line: int, offset: int = 0) -> None:
        self.offset = offset
        self.rewritten = False
        self.unended: int | None = None
        self._file = file
        self._max_line = max_line
        self._before = b""
        self._lines: list[bytes] = []
        self._ends: list[int] = []
        self._at = 0

    def read(self, most: int, *, final: bool) -> list[Message]:
        """The next messages; fewer than `most` at the end of the file.

        With `final`, what stands behind the last line end is a line too.

        Raises:
            PermanentError: the next line is too long. All lines before it came first.
        """
        messages: list[Message] = []
        while len(messages) < most and (self._at < len(self._lines) or self._fill(final, messages)):
            at = self._at
            self._at = upto = min(at + most - len(messages), len(self._lines))
            messages += [
                Message(line, None, (), None, end)
                for line, end in zip(self._lines[at:upto], self._ends[at:upto], strict=True)
            ]
        return messages

    def _fill(self, final: bool, found: list[Message]) -> bool:
        """Split the next chunk into lines; whether there was one."""
        if self._was_rewritten():
            self.rewritten = True
            return False
        chunk = self._file.read(_CHUNK, self.offset)
        if chunk.find(b"\n", 0, self._max_line + 1) < 0:
            if len(chunk) > self._max_line or b"\n" not in (chunk := self._rest_of_line(chunk)):
                ...
        return True
