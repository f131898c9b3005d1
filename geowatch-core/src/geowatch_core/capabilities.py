"""What a role of a backend can do, as data."""

import enum

import attrs

__all__ = ["Capabilities", "Order", "Settlement"]


class Settlement(enum.StrEnum):
    """How a channel lets go of what was consumed."""

    EACH = "each"
    """Every message by itself."""
    PREFIX = "prefix"
    """A position before which everything is settled; a gap holds all that follows it back."""
    NONE = "none"
    """Not at all: what was read is not remembered."""


class Order(enum.StrEnum):
    """Which order a channel keeps."""

    ALL = "all"
    KEY = "key"
    """Among messages of one key (or partition, shard, group)."""
    NONE = "none"


@attrs.frozen(kw_only=True)
class Capabilities:
    """Drives batching, validation, the conformance kit and the documentation's matrix.

    Attributes:
        settles: how consumed messages are settled.
        order: which order is kept between a producer and its consumers, absent failures.
        durable: confirmed means kept until consumed or deleted. False for a channel that may
            forget (a cache): it can never be the only destination of an at-least-once route.
        persistent: what was confirmed outlives this process.
        keys: keys arrive as they were sent.
        headers: headers arrive as they were sent.
        times: event times arrive as they were sent, to the millisecond.
        max_message: most bytes of one message (of a store: of one document), or None for no limit
            of its own.
        max_batch: most messages in one call of the service, or None.
        max_batch_bytes: most bytes in one call of the service, or None.
        max_unsettled: most messages that may be consumed and not settled; more are held back.
        reads_back: a store can read what it wrote.
        redelivers_after: seconds after which an unsettled message comes again by itself, or None
            if it comes again only after a nack or a reopen.
        replaces: a store's write replaces what was written before.
        starts_over: the source is read from its beginning at every start.
        windows: a store can remember for several brokers which messages were seen.
    """

    settles: Settlement = Settlement.NONE
    order: Order = Order.NONE
    durable: bool = True
    persistent: bool = True
    keys: bool = False
    headers: bool = False
    times: bool = False
    max_message: int | None = None
    max_batch: int | None = None
    max_batch_bytes: int | None = None
    max_unsettled: int | None = None
    reads_back: bool = False
    redelivers_after: float | None = None
    replaces: bool = False
    starts_over: bool = False
    windows: bool = False
