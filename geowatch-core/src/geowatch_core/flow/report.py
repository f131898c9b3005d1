"""What became of every message of a run."""

from __future__ import annotations

import msgspec

__all__ = ["Report"]


class Report(msgspec.Struct):
    """Counts of messages. Every consumed one is in exactly one of the five fates.

    Attributes:
        consumed: came from a source.
        created: made by ``process``, and delivered.
        delivered: confirmed by every destination.
        filtered: rejected by a filter, or left out by ``process``.
        deduplicated: seen before.
        dead_lettered: confirmed by the dead-letter destination.
        given_back: not settled; the source will bring them again.
        retries: how many messages were tried once more, each time counted.
        cycles: how many cycles were run.
        seconds: how long the run took.
        destinations: how many messages each destination confirmed, by its name.
    """

    consumed: int = 0
    created: int = 0
    delivered: int = 0
    filtered: int = 0
    deduplicated: int = 0
    dead_lettered: int = 0
    given_back: int = 0
    retries: int = 0
    cycles: int = 0
    seconds: float = 0.0
    destinations: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def conserved(self) -> bool:
        """Whether every message that came in is in exactly one of the five fates."""
        fates = self.delivered + self.filtered + self.deduplicated
        return self.consumed + self.created == fates + self.dead_lettered + self.given_back

    def __str__(self) -> str:
        created = f" + {self.created} created" if self.created else ""
        return (
            f"{self.consumed} consumed{created} = {self.delivered} delivered + {self.filtered} "
            f"filtered + {self.deduplicated} deduplicated + {self.dead_lettered} dead-lettered + "
            f"{self.given_back} given back"
        )
