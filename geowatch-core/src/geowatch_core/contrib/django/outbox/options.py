"""The options of ``django-outbox``."""

from typing import Any

import attrs

from geowatch_core.options import TopicOptions, at_least, option

__all__ = ["OutboxConsumerOptions"]


@attrs.frozen(kw_only=True)
class OutboxConsumerOptions(TopicOptions):
    """Options of a consumer. A topic needs no creating: it is there when it is named."""

    codec: Any = option("json", doc="A codec's name, or a table with its name and options.")
    using: str = option("default", doc="Which of Django's DATABASES has the outbox.")
    lease: float = option(
        30.0,
        doc="Seconds after which a message comes again whose consumer died; a live one renews it.",
        validator=at_least(0.1),
    )
    poll: float = option(
        0.2, doc="Seconds between two looks at an empty outbox.", validator=at_least(0.001)
    )
    max_unsettled: int = option(
        10_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )
    until_empty: bool = option(False, doc="End when the topic is empty, rather than wait for more.")
