"""The filter stage: which messages of a run go on, and what became of the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import compress
from typing import Any

from geowatch_core.errors import FilterError
from geowatch_core.filter import Filter
from geowatch_core.flow.batch import Batch
from geowatch_core.flow.decoder import Columns
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.flow.failure import raised
from geowatch_core.flow.seen import Seen
from geowatch_core.message import Message
from geowatch_core.path import Path

__all__ = ["Given", "Predicate", "Run", "Screen"]

Predicate = Callable[[Any], bool]
Run = tuple[Sequence[Message], list[Message]]
"""Messages that were decoded together, and those of them that go on."""
Given = Filter | Predicate | Sequence[Filter | Predicate] | None


class Screen:
    """Filters, then metadata, then functions, then deduplication: the cheap ones first.

    Args:
        given: filters, and functions of the value.
        metadata: for each name, the values that are let through.
        deduplicate: what makes two messages the same, or None.
        seen: the memory of deduplication.
    """

    def __init__(
        self,
        given: Given,
        metadata: Mapping[str, Sequence[Any]],
        deduplicate: Deduplicate | None,
        seen: Seen,
    ) -> None:
        each = [given] if isinstance(given, Filter) or callable(given) else list(given or ())
        filters = [one for one in each if isinstance(one, Filter)]
        self._filter = _all(filters)
        self._predicates = [one for one in each if not isinstance(one, Filter)]
        self._metadata = {
            name: (Path(("metadata", name)), [allowed] if isinstance(allowed, str) else allowed)
            for name, allowed in metadata.items()
        }
        self._deduplicate = deduplicate
        self._seen = seen

    @property
    def paths(self) -> tuple[Path, ...]:
        """What it needs to see of a message."""
        paths = dict.fromkeys(() if self._filter is None else self._filter.paths)
        paths |= dict.fromkeys(path for path, _ in self._metadata.values())
        if self._deduplicate is not None and self._deduplicate.key is not None:
            paths[self._deduplicate.key] = None
        return tuple(paths)

    @property
    def looks(self) -> bool:
        """Whether it has functions that look at values."""
        return bool(self._predicates)

    @property
    def asks_for_values(self) -> bool | None:
        """Whether the first thing it does is to ask for values; None if it does nothing."""
        if self._filter is not None or self._metadata:
            return False
        if self._predicates:
            return True
        return None if self._deduplicate is None else False

    def passed(self, batch: Batch, run: list[Message], columns: Columns) -> list[Message]:
        """The messages that go on; the others are counted or noted in `batch`."""
        if self._filter is not None:
            run, columns = _kept(batch, self._filter.mask(columns), run, columns)
        for name, (path, allowed) in self._metadata.items():
            mask = [
                _metadata(message, name, member) in allowed
                for message, member in zip(run, columns[path], strict=True)
            ]
            run, columns = _kept(batch, mask, run, columns)
        for predicate in self._predicates:
            run, columns = _asked(batch, predicate, run, columns)
        if self._deduplicate is not None:
            run = self._first_ones(self._deduplicate, batch, run, columns)
        return run

    def unseen(self, batch: Batch, runs: Iterable[Run]) -> Iterable[Run]:
        """What of each run is left when it is known what others have seen.

        A window that is shared is asked for the whole batch at once: each question costs a way to
        its service and back, and what is reserved must not be encoded before all of it is.
        """
        if not (self._seen.shared and self._deduplicate):
            return runs
        every = list(runs)
        answers = iter(self._new(batch, batch.asked))
        return [(run, [m for m in passing if next(answers)]) for run, passing in every]

    def _first_ones(
        self, same: Deduplicate, batch: Batch, run: list[Message], columns: Columns
    ) -> list[Message]:
        column = None if same.key is None else columns[same.key]
        if self._seen.shared:
            batch.asked += same.digests(run, column)
            return run
        return list(compress(run, self._new(batch, same.identities(run, column))))

    def _new(self, batch: Batch, identities: Sequence[Hashable | None]) -> list[bool]:
        known = [identity for identity in identities if identity is not None]
        answers = iter(self._seen.reserve(known))
        new = [identity is None or next(answers) for identity in identities]
        batch.reserved += [i for i in compress(identities, new) if i is not None]
        batch.deduplicated += len(new) - sum(new)
        return new


def _all(filters: Sequence[Filter]) -> Filter | None:
    if not filters:
        return None
    from geowatch_core.filter import All

    return All(tuple(filters))


def _kept(
    batch: Batch, mask: Sequence[bool], run: list[Message], columns: Columns
) -> tuple[list[Message], Columns]:
    kept = list(compress(run, mask))
    batch.filtered += len(run) - len(kept)
    if len(kept) == len(run):
        return run, columns
    return kept, {path: list(compress(column, mask)) for path, column in columns.items()}


def _asked(
    batch: Batch, predicate: Predicate, run: list[Message], columns: Columns
) -> tuple[list[Message], Columns]:
    """Ask a function of the value. What it raises is a failure of that message only."""
    failed = len(batch.failures)
    mask: list[bool] = []
    for message in run:
        try:
            mask.append(bool(predicate(message.value)))
        except Exception as error:
            mask.append(False)
            batch.failures.append(raised("filter", FilterError, message, error))
    batch.filtered -= len(batch.failures) - failed  # a failure is not a rejection
    return _kept(batch, mask, run, columns)


def _metadata(message: Message, name: str, member: Any) -> Any:
    """A message's header of that name, or else what its ``metadata`` member has."""
    header = message.header(name)
    return member if header is None else header.decode("utf-8", "replace")
