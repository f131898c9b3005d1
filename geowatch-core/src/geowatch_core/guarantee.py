"""What a route promises, as data: it follows from the capabilities of its ends."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from geowatch_core.capabilities import Capabilities, Order, Settlement

__all__ = ["Delivery", "End", "Guarantee", "guarantee"]


class Delivery(enum.StrEnum):
    """How sure it is that a message arrives, from the surest on."""

    AT_LEAST_ONCE = "at least once"
    """It arrives, whatever crashes; what was in flight at a crash arrives twice."""
    STARTS_OVER = "at least once, all of it again at every start"
    """It arrives, because every run brings everything again."""
    WHILE_RUNNING = "at least once, while this process lives"
    """It arrives unless the process ends, and its memory with it."""
    BEST_EFFORT = "best effort"
    """It may be lost."""


_SURENESS = list(Delivery)
_ORDERS = {
    Order.ALL: "in order",
    Order.KEY: "in order for each key",
    Order.NONE: "in no certain order",
}
_STRICTNESS = list(_ORDERS)


class End(msgspec.Struct, frozen=True):
    """One end of a route.

    Attributes:
        name: what the reasons call it.
        capabilities: what it can do.
        starts_over: of a source: it is read from its beginning at every start, as a store is.
    """

    name: str
    capabilities: Capabilities
    starts_over: bool = False


class Guarantee(msgspec.Struct, frozen=True, kw_only=True):
    """What a route promises.

    Attributes:
        delivery: how sure it is that a message arrives.
        order: which order is kept from the source to every destination, absent failures: what is
            tried again may arrive after what came later.
        why: the reasons, one sentence each.
    """

    delivery: Delivery
    order: Order
    why: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.delivery}; {_ORDERS[self.order]}"


def guarantee(source: End, destinations: Sequence[End]) -> Guarantee:
    """What a broker promises for the messages of one source.

    It acks a message only when every destination has confirmed it. So one destination that keeps
    what it confirmed is enough for a message not to be lost, and what is weaker than that is
    weaker because of the source, or because no destination keeps anything.

    Args:
        source: where the messages come from.
        destinations: every producer and store that they go to.
    """
    remembers, why_source = _of_source(source)
    kept, why_kept = _of_destinations(destinations)
    order, why_order = _of_order([source, *destinations])
    delivery = max(remembers, kept, key=_SURENESS.index)
    return Guarantee(delivery=delivery, order=order, why=(*why_source, *why_kept, *why_order))


def _of_source(source: End) -> tuple[Delivery, list[str]]:
    can = source.capabilities
    if source.starts_over or can.starts_over:
        return Delivery.STARTS_OVER, [f"{source.name} is read from its beginning at every start."]
    if can.settles is Settlement.NONE:
        return Delivery.BEST_EFFORT, [
            f"{source.name} does not remember what was done: what is in flight when this process "
            "ends may be lost, or come again with all the rest."
        ]
    why = [_SETTLES[can.settles].format(name=source.name)]
    if can.redelivers_after is not None:
        why.append(
            f"{source.name} brings again what is not acked within {can.redelivers_after:g} seconds."
        )
    if can.persistent:
        return Delivery.AT_LEAST_ONCE, why
    return Delivery.WHILE_RUNNING, [*why, f"What {source.name} holds ends with this process."]


_SETTLES = {
    Settlement.EACH: "{name} lets go of each message only when it is acked.",
    Settlement.PREFIX: "{name} moves on only past messages that are acked, without a gap.",
}


def _of_destinations(destinations: Sequence[End]) -> tuple[Delivery, list[str]]:
    durable = [end for end in destinations if end.capabilities.durable]
    why = [
        f"{end.name} may forget what it confirmed."
        for end in destinations
        if not end.capabilities.durable
    ]
    if not durable:
        return Delivery.BEST_EFFORT, why or ["There is nowhere else for its messages to go."]
    lasting = [end for end in durable if end.capabilities.persistent]
    why += [
        f"What {end.name} confirmed ends with this process."
        for end in durable
        if end not in lasting
    ]
    return (Delivery.AT_LEAST_ONCE if lasting else Delivery.WHILE_RUNNING), why


def _of_order(ends: Sequence[End]) -> tuple[Order, list[str]]:
    order = max((end.capabilities.order for end in ends), key=_STRICTNESS.index)
    if order is Order.ALL:
        return order, []
    weakest = [end.name for end in ends if end.capabilities.order is order]
    keeps = "order only for each key" if order is Order.KEY else "no certain order"
    verb = "keeps" if len(weakest) == 1 else "keep"
    return order, [f"{' and '.join(weakest)} {verb} {keeps}."]
