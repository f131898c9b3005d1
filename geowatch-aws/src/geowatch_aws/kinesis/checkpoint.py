"""How far a shard was dealt with, in the words of the Kinesis Client Library."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "LATEST",
    "NOTHING",
    "SHARD_END",
    "TIMESTAMP",
    "TRIM_HORIZON",
    "WHOLE",
    "Checkpoint",
]

TRIM_HORIZON: Final = "TRIM_HORIZON"
LATEST: Final = "LATEST"
TIMESTAMP: Final = "AT_TIMESTAMP"
SHARD_END: Final = "SHARD_END"
NOTHING: Final = -1
"""As the place within a record: nothing of it was dealt with."""
WHOLE: Final = (1 << 63) - 1
"""As the place within a record: all of it was dealt with, however much there is."""
_WORDS: Final = frozenset({TRIM_HORIZON, LATEST, TIMESTAMP, SHARD_END})


class Checkpoint(msgspec.Struct, frozen=True):
    """A place in a shard: everything before it, and itself, was dealt with.

    Attributes:
        at: a sequence number, or TRIM_HORIZON, LATEST, AT_TIMESTAMP or SHARD_END.
        sub: within an aggregated record, the number of the last one that was dealt with.
        time: for AT_TIMESTAMP and LATEST, seconds since 1970. Of LATEST it is when the lease was
            made: whoever takes the lease over before anything was dealt with begins there, and not
            at what is latest by then.
    """

    at: str
    sub: int = 0
    time: float | None = None

    @property
    def ended(self) -> bool:
        """Whether the whole shard was dealt with."""
        return self.at == SHARD_END

    @property
    def number(self) -> tuple[int, int] | None:
        """The sequence number and the place within its record; None for a word."""
        return None if self.at in _WORDS else (int(self.at), self.sub)

    @property
    def valid(self) -> bool:
        """Whether it is one of the words, or a sequence number."""
        return self.at in _WORDS or self.at.isdecimal()
