"""What a configuration asks for, checked, and with nothing opened yet."""

from __future__ import annotations

import attrs

from geowatch_core.config.options import BrokerOptions
from geowatch_core.filter import Filter
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.flow.retry import Retry
from geowatch_core.provision import Prepared

__all__ = ["Plan"]


@attrs.frozen(kw_only=True)
class Plan:
    """One broker that can be made.

    Attributes:
        name: its name, or the one it was given for want of that.
        options: its keys, of which the others here were made.
        shared: the store that ``deduplicate`` is to remember in.
    """

    name: str
    options: BrokerOptions
    consumers: list[Prepared]
    producers: list[Prepared]
    duplex: list[tuple[Prepared, Prepared]]
    stores_in: list[Prepared]
    stores_out: list[Prepared]
    dead_letter: Prepared | None
    filter: Filter | None
    retry: Retry
    deduplicate: Deduplicate | None
    shared: Prepared | None

    @property
    def sources(self) -> list[Prepared]:
        """What it consumes from, in the order of the broker's own."""
        return [*self.consumers, *(consumer for consumer, _ in self.duplex), *self.stores_in]

    @property
    def destinations(self) -> list[Prepared]:
        """What it delivers to, in the order of the broker's own."""
        return [*self.producers, *(producer for _, producer in self.duplex), *self.stores_out]
