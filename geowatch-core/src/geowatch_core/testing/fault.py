"""A way in which a service fails, for a harness to bring about."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Fault", "Kind", "Stage"]

Stage = Literal["open", "consume", "ack", "nack", "deliver", "write", "read"]
Kind = Literal["retryable", "permanent"]


@attrs.frozen(kw_only=True)
class Fault:
    """How the service fails for as long as a harness keeps it broken.

    Attributes:
        at: which call of the role fails.
        kind: ``"retryable"`` is a throttle, a timeout, a lost connection; ``"permanent"`` is
            something the service will refuse for ever.
        indexes: the entries that fail in the next call of the service, which takes the others;
            None where the whole call fails and nothing is taken.
        entries: beside ``indexes``, how many entries that call has.
        retry_after: the seconds that the service asks to wait; None where it says nothing.
    """

    at: Stage
    kind: Kind = "retryable"
    indexes: frozenset[int] | None = None
    entries: int | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        entries = "" if self.indexes is None else f" of the entries {sorted(self.indexes)} only"
        wait = "" if self.retry_after is None else f", retry_after {self.retry_after:g} s"
        return f"a {self.kind} failure at {self.at}{entries}{wait}"
