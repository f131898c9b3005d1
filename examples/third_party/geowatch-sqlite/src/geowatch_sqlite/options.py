"""The options of ``sqlite``."""

import attrs
from geowatch_core import Options, TopicOptions, Which, at_least, option


@attrs.frozen(kw_only=True)
class SqliteConsumerOptions(TopicOptions):
    """Options of a consumer. A topic needs no creating: it is there when it is named."""

    path: str = option(doc="The database file; made when it is not there.")
    lease: float = option(
        30.0,
        doc="Seconds after which a message comes again whose consumer died; a live one renews it.",
        validator=at_least(0.1),
    )
    max_unsettled: int = option(
        10_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )
    until_empty: bool = option(False, doc="End when the topic is empty, rather than wait for more.")


@attrs.frozen(kw_only=True)
class SqliteProducerOptions(TopicOptions):
    """Options of a producer."""

    path: str = option(doc="The database file; made when it is not there.")


@attrs.frozen(kw_only=True)
class SqliteStoreOptions(Options):
    """Options of a store."""

    path: str = option(doc="The database file; made when it is not there.")
    key: str = option(doc="The document's name within the file.")
    which: Which = option(Which.ALL, doc="Which messages of a batch to keep.")
    which_index: int = option(0, doc="For which = index: which one, from 0.", validator=at_least(0))

    @property
    def label(self) -> str:
        """The document's name."""
        return self.key
