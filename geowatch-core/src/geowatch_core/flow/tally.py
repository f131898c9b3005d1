"""Counts what becomes of messages, and tells the observers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from geowatch_core import hookspec
from geowatch_core.flow.batch import Batch, Parcel
from geowatch_core.flow.destination import Destination
from geowatch_core.flow.report import Report
from geowatch_core.message import Message

if TYPE_CHECKING:
    from geowatch_core.broker import Broker

__all__ = ["Tally"]


class Tally:
    """The report of a run in the making, and the observers' hooks.

    Args:
        broker: what observers are told about.
        plugins: objects with hook implementations.
    """

    def __init__(self, broker: Broker, plugins: Iterable[object]) -> None:
        self._broker = broker
        self.report = Report()
        self._plugins = pluggy.PluginManager(hookspec.PROJECT)
        self._plugins.add_hookspecs(hookspec)
        for plugin in plugins:
            self._plugins.register(plugin)
        self._plugins.check_pending()
        self._hook = self._plugins.hook

    @property
    def observed(self) -> bool:
        """Whether anybody is shown messages after they were encoded."""
        hook = self._hook
        shown = (hook.geowatch_delivered, hook.geowatch_failed, hook.geowatch_settled)
        return any(each.get_hookimpls() for each in shown)

    def started(self) -> None:
        """A run begins."""
        self.report = Report()
        for destination in self._destinations:
            destination.retries = 0
        self._tell(self._hook.geowatch_started)

    def stopped(self, seconds: float) -> None:
        """A run has ended."""
        self.report.seconds = seconds
        self._count_retries()
        self._tell(self._hook.geowatch_stopped, report=self.report)

    def consumed(self, batch: Batch) -> None:
        """A batch came from its source."""
        self.report.consumed += len(batch.consumed)
        if batch.source is not None and batch.consumed:
            told = self._tell(
                self._hook.geowatch_consumed, source=batch.source.name, messages=batch.consumed
            )
            if told:
                batch.changed = {id(message) for message in batch.consumed if message.touched}

    def settled(self, batch: Batch) -> list[Message]:
        """Every destination has answered for a batch, and its source has remembered it.

        Returns:
            The messages that every destination confirmed.
        """
        report = self.report
        failed = {id(failure.message) for failure in batch.failures}
        delivered = [m for m in batch.kept if id(m) not in failed] if failed else batch.kept
        report.cycles += 1
        report.created += batch.created
        report.filtered += batch.filtered
        report.deduplicated += batch.deduplicated
        # process may have returned one message twice: each time counts, as it did when created
        early = failed.difference(map(id, batch.kept))
        report.dead_lettered += len(batch.kept) - len(delivered) + len(early)
        report.delivered += len(delivered)
        self._count_retries()
        for parcel in batch.parcels:
            self._answered(parcel, batch)
        if batch.source is not None and batch.consumed:
            self._tell(
                self._hook.geowatch_settled, source=batch.source.name, messages=batch.consumed
            )
        return delivered

    def given_back(self, batch: Batch) -> None:
        """A batch goes back to its source, unsettled."""
        self.report.given_back += len(batch.consumed)
        for parcel in batch.parcels:
            self._failed(parcel, batch)

    @property
    def _destinations(self) -> list[Destination]:
        dead = self._broker.dead_letter
        return [*self._broker.destinations, *([] if dead is None else [dead])]

    def _tell(self, hook: pluggy.HookCaller, **given: object) -> bool:
        """Call the observers, if there are any: a call that reaches nobody has its price, too."""
        anybody = bool(hook.get_hookimpls())
        if anybody:
            hook(broker=self._broker, **given)
        return anybody

    def _count_retries(self) -> None:
        self.report.retries = sum(destination.retries for destination in self._destinations)

    def _answered(self, parcel: Parcel, batch: Batch) -> None:
        name, counts = parcel.destination.name, self.report.destinations
        here = self._failed(parcel, batch)
        confirmed = [m for m in parcel.owners if id(m) not in here] if here else parcel.owners
        counts[name] = counts.get(name, 0) + len(confirmed)
        if confirmed:
            self._tell(self._hook.geowatch_delivered, destination=name, messages=confirmed)

    def _failed(self, parcel: Parcel, batch: Batch) -> set[int]:
        """Tell of what a destination did not take; the ids of these messages."""
        name = parcel.destination.name
        here = {id(f.message): f for f in batch.failures if f.where == name}
        if here:
            self._tell(
                self._hook.geowatch_failed,
                destination=name,
                messages=[f.message for f in here.values()],
                outcomes=[f.error for f in here.values()],
            )
        return set(here)
