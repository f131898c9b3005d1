"""A filter says which messages of a run go on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from geowatch_core.path import Path

if TYPE_CHECKING:
    from geowatch_core.filter.compose import All, Not
    from geowatch_core.filter.compose import Any as AnyOf

__all__ = ["Columns", "Filter"]

Columns = Mapping[Path, Sequence[Any]]
"""What one run of messages has at certain paths: for each path, the values in message order."""


class Filter(ABC):
    """Keeps some messages of a run and drops the others. Frozen, comparable, shared by threads.

    A filter sees only the values at its ``paths``, so a codec need not decode more. It never raises
    on odd data: of a message it is met, not met, or *unknown*, and only what meets it is kept.
    Unknown is what the data cannot answer: the path is missing, its value is null, or the value
    cannot be compared with what the filter compares to. ``not`` of unknown is unknown, as in SQL
    and OGC CQL2, so neither "magnitude ≥ 4.5" nor its ``not`` keeps an earthquake of no known
    magnitude; ``exists = false`` does.

    Filters combine: ``f & g``, ``f | g``, ``~f``.
    """

    @property
    @abstractmethod
    def paths(self) -> tuple[Path, ...]:
        """The places it needs to see; at least one."""

    @abstractmethod
    def mask(self, columns: Columns) -> list[bool]:
        """For each message of a run, whether it meets this filter.

        Args:
            columns: of every one of ``paths`` the values, all of one length; other paths may
                be there as well.
        """

    @abstractmethod
    def inverse(self, columns: Columns) -> list[bool]:
        """For each message of a run, whether it is known not to meet this filter.

        This is the mask of ``not``. Where both are False the answer is unknown.
        """

    def __and__(self, other: Filter) -> All:
        from geowatch_core.filter.compose import All

        return All((self, other))

    def __or__(self, other: Filter) -> AnyOf:
        from geowatch_core.filter.compose import Any as AnyOf

        return AnyOf((self, other))

    def __invert__(self) -> Not:
        from geowatch_core.filter.compose import Not

        return Not(self)
