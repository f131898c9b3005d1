"""How often, and how far apart, something that failed is tried again."""

from __future__ import annotations

import attrs

from geowatch_core.options import at_least, option

__all__ = ["Retry"]


@attrs.frozen(kw_only=True)
class Retry:
    """Exponential backoff with full jitter, bounded by attempts and by time.

    The delay before attempt n + 1 is drawn evenly from 0 to ``min(cap, base * 2**(n - 1))``; a
    service that says when to come back is waited for at least that long. Source of the formula:
    "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = option(50, doc="Most attempts, the first included.", validator=at_least(1))
    base: float = option(0.1, doc="Seconds: bound of the first delay.", validator=at_least(0))
    cap: float = option(5.0, doc="Seconds: bound of every delay.", validator=at_least(0))
    time: float = option(300.0, doc="Seconds until it gives up.", validator=at_least(0))

    def delay(self, attempt: int, elapsed: float, retry_after: float | None) -> float | None:
        """Seconds to wait after failed attempt `attempt` (from 1), or None to give up."""
        import random

        bound = min(self.cap, self.base * 2 ** min(attempt - 1, 32))
        wait = max(random.uniform(0, bound), retry_after or 0.0)  # noqa: S311 - not a secret
        if attempt >= self.attempts or elapsed + wait > self.time:
            return None
        return wait
