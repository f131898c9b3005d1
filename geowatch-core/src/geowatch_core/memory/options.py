"""The options of ``memory``."""

import attrs

from geowatch_core.options import Options, TopicOptions, at_least, option
from geowatch_core.store import Which


@attrs.frozen(kw_only=True)
class MemoryConsumerOptions(TopicOptions):
    """Options of a memory consumer. A topic needs no creating: it is there when it is named."""

    redeliver_after: float | None = option(
        None,
        doc="Seconds after which an unsettled message comes again; never, if not given.",
        validator=at_least(0),
    )
    max_unsettled: int = option(
        100_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )
    until_empty: bool = option(False, doc="End when the topic is empty, rather than wait for more.")


@attrs.frozen(kw_only=True)
class MemoryProducerOptions(TopicOptions):
    """Options of a memory producer."""

    capacity: int | None = option(
        None,
        doc="Most messages the topic holds; a full one is retried. Unbounded, if not given.",
        validator=at_least(1),
    )


@attrs.frozen(kw_only=True)
class MemoryStoreOptions(Options):
    """Options of a memory store."""

    key: str = option(doc="The document's name.")
    which: Which = option(Which.ALL, doc="Which messages of a batch to keep.")
    which_index: int = option(0, doc="For which = index: which one, from 0.", validator=at_least(0))

    @property
    def label(self) -> str:
        """The document's name."""
        return self.key
