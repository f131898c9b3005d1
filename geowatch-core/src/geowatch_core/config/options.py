"""The keys of a broker in a configuration."""

from __future__ import annotations

from typing import Any

import attrs

from geowatch_core.options import at_least, option

__all__ = ["BROKER_KEYS", "DESTINATIONS", "SHARED_KEYS", "SOURCES", "BrokerOptions"]


def _named(_: Any, __: attrs.Attribute[Any], name: str | None) -> None:
    if name is not None and not name.strip():
        raise ValueError("is empty")


@attrs.frozen(kw_only=True)
class BrokerOptions:
    """The keys of a broker. What is itself a table or a list is read by the reader."""

    name: str | None = option(
        None,
        doc="What reports and logs call it; broker-1, broker-2 …, if not given.",
        validator=_named,
    )
    enabled: bool = option(True, doc="Whether it runs; what is wrong is reported either way.")
    description: str = option("", doc="What it is for.")
    consumers: Any = option((), doc="Streams to consume from: [[brokers.consumers]].")
    producers: Any = option((), doc="Channels to deliver to: [[brokers.producers]].")
    duplex: Any = option((), doc="Nodes to consume from and deliver to: [[brokers.duplex]].")
    stores_in: Any = option((), doc="Stores to read once, as sources: [[brokers.stores_in]].")
    stores_out: Any = option((), doc="Stores to deliver to: [[brokers.stores_out]].")
    dead_letter: Any = option(
        None,
        doc="Where messages go that cannot be delivered: a producer, or a store where the backend "
        "offers no producer.",
    )
    filter: Any = option(None, doc="Which messages go on: a filter, or several that must be met.")
    filter_metadata: dict[str, list[Any]] = option(
        {},
        doc="For each name, the values that a header or metadata member of that name may have.",
    )
    filter_last_one: bool = option(False, doc="Deliver only the last message of each batch.")
    deduplicate: bool | dict[str, Any] = option(
        False, doc="true, or a table that says what makes two messages the same."
    )
    retry: dict[str, Any] = option(
        {}, doc="How often, and how far apart, what failed is tried again."
    )
    count: int = option(1000, doc="Most messages of a batch.", validator=at_least(1))
    timeout: float = option(
        1.0, doc="Seconds that a cycle waits for messages.", validator=at_least(0)
    )
    sleep_period: float = option(0.0, doc="Seconds between cycles.", validator=at_least(0))
    in_flight: int | None = option(
        None,
        doc="Most batches of one source that are consumed and not settled; if not given, as many "
        "as were settled within the last quarter of a second, from 4 to 16.",
        validator=attrs.validators.optional(at_least(1)),
    )
    drain_timeout: float = option(
        30.0,
        doc="Seconds after which a stop gives back what is still in flight.",
        validator=at_least(0),
    )
    best_effort: bool = option(
        False, doc="Allow destinations none of which keeps what it confirmed."
    )
    verbose: bool = option(False, doc="Log every cycle.")


BROKER_KEYS = tuple(field.name for field in attrs.fields(BrokerOptions))
SHARED_KEYS = tuple(key for key in BROKER_KEYS if key != "name")
"""The keys that ``defaults`` may have for all brokers."""
SOURCES = ("consumers", "duplex", "stores_in")
DESTINATIONS = ("producers", "duplex", "stores_out")
