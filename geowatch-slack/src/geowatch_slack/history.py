"""Reads a channel from its past to its present, though Slack answers the newest first.

`conversations.history` gives the newest messages of a stretch of time, and says whether there are
more. Where there are, a shorter stretch is asked for, from the same beginning; so what comes is
always the oldest, and never more than one answer is held.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from geowatch_slack._driver import Page

__all__ = ["History", "micros", "timestamp"]

_FOR_EVER: Final = 99_999_999_999_000_000
"""The year 5138, in microseconds: later than any message."""

Fetch = Callable[[str, str], Page]
"""Asks for what was posted from one timestamp to another, both included."""


def micros(ts: str) -> int:
    """A message's timestamp, its id within the channel, as whole microseconds since 1970."""
    seconds, _, rest = ts.partition(".")
    return int(seconds) * 1_000_000 + int(f"{rest:0<6}"[:6])


def timestamp(at: int) -> str:
    """Microseconds as Slack writes them."""
    return f"{at // 1_000_000}.{at % 1_000_000:06}"


class History:
    """Where reading has come to.

    Args:
        after: the microsecond of the last message that is not wanted any more.
        fetch: asks Slack.
    """

    def __init__(self, after: int, fetch: Fetch) -> None:
        self._after = after
        self._fetch = fetch
        self._width: int | None = None  # of the stretch to ask for; None for all that there is
        self._newest = after

    @property
    def behind(self) -> bool:
        """Whether there is more to read than one answer holds."""
        return self._width is not None

    def look(self) -> list[dict[str, Any]]:
        """Ask once: the messages that come next, oldest first; none if none do, or none yet.

        Raises:
            RetryableError, PermanentError: Slack did not give them; nothing is skipped.
        """
        end = _FOR_EVER if self._width is None else self._after + self._width
        page = self._fetch(timestamp(self._after), timestamp(end))
        found = sorted(((micros(str(m["ts"])), m) for m in page.messages), key=lambda pair: pair[0])
        found = [(at, message) for at, message in found if self._after < at <= end]
        if found:
            self._newest = max(self._newest, found[-1][0])
        if page.has_more:
            unseen = (found[0][0] if found else min(end, self._newest)) - self._after
            if unseen > 1:
                self._width = unseen // 2
                return []
        if self._width is not None:
            # A message is younger than all before it: nothing will be posted in this stretch later.
            self._after, self._width = end, 4 * self._width
            if self._after + self._width >= self._newest:
                self._width = None
        elif found:
            self._after = found[-1][0]
        return [message for _, message in found]
