"""Reads a channel from its past to its present, though Slack answers the newest first.

`conversations.history` gives the newest messages of a stretch of time, and says whether there are
more. Where there are, the stretch before them is asked for, and so on into the past, until one
has no more: that is the oldest, and is handed out. What is remembered of the others is where they
end, so that of any backlog no more than one answer is held, and none is asked for more than twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from geowatch_slack._driver import Page

__all__ = ["History", "micros", "timestamp"]

_FOR_EVER: Final = 99_999_999_999_000_000
"""The year 5138, in microseconds: later than any message."""

_MOST_ENDS: Final = 10_000
"""Stretches remembered; the newest of more are found again when it comes to them."""

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
        self._ends: list[int] = []  # of stretches that are known to hold messages, newest first

    @property
    def behind(self) -> bool:
        """Whether there is more to read than one answer holds."""
        return bool(self._ends)

    def look(self) -> list[dict[str, Any]]:
        """Ask once: the messages that come next, oldest first; none if none do, or none yet.

        Raises:
            RetryableError, PermanentError: Slack did not give them; nothing is skipped.
        """
        end = self._ends[-1] if self._ends else _FOR_EVER
        page = self._fetch(timestamp(self._after), timestamp(end))
        found = sorted(((micros(str(m["ts"])), m) for m in page.messages), key=lambda pair: pair[0])
        found = [(at, message) for at, message in found if self._after < at <= end]
        if page.has_more and not found:
            return []  # Slack may answer with less than it has: what it has not shown is not past
        if page.has_more and found[0][0] - 1 > self._after:
            self._ends.append(found[0][0] - 1)
            del self._ends[:-_MOST_ENDS]
            return []
        if self._ends:
            # A message is younger than all before it: nothing will be posted in this stretch later.
            self._after = self._ends.pop()
        elif found:
            self._after = found[-1][0]
        return [message for _, message in found]
