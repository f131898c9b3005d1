"""The options of ``sqs``."""

from __future__ import annotations

import attrs

from geowatch_aws.options import AwsOptions
from geowatch_core.options import TopicOptions, at_least, option, to_path
from geowatch_core.path import Path

__all__ = ["SqsConsumerOptions", "SqsOptions", "SqsProducerOptions"]

_LONGEST_POLL = 20
_LONGEST_VISIBILITY = 43_200


@attrs.frozen(kw_only=True)
class SqsOptions(AwsOptions, TopicOptions):
    """What both roles of a queue take. The topic is the queue's name, or its URL."""

    parallel: int = option(
        8, doc="Most calls of the service at the same time.", validator=at_least(1)
    )

    def __attrs_post_init__(self) -> None:
        AwsOptions.__attrs_post_init__(self)
        if self.topic_prefix and self.is_url:
            raise ValueError("topic_prefix does not go together with the URL of a queue")

    @property
    def is_url(self) -> bool:
        """Whether the topic is the URL of a queue, rather than its name."""
        return self.topic.startswith(("http://", "https://"))

    @property
    def fifo(self) -> bool:
        """Whether the queue keeps order: only the names of those end so."""
        return self.topic.endswith(".fifo")


@attrs.frozen(kw_only=True)
class SqsConsumerOptions(SqsOptions):
    """Options of a consumer."""

    visibility: int | None = option(
        None,
        doc="Seconds that a message is hidden from others; what the queue says, if not given.",
        validator=attrs.validators.optional(
            [at_least(1), attrs.validators.le(_LONGEST_VISIBILITY)]
        ),
    )
    heartbeat: bool = option(
        True, doc="Keep messages hidden for as long as they are not settled, however long it takes."
    )
    wait: int = option(
        1,
        doc="Seconds of a long poll, at most 20. Longer asks less often while nothing comes; a "
        "process that stops waits for the poll to end.",
        validator=[at_least(0), attrs.validators.le(_LONGEST_POLL)],
    )
    max_unsettled: int = option(
        5_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )
    unwrap_sns: bool = option(
        False, doc="Take the message out of the envelope that SNS puts it in without raw delivery."
    )


@attrs.frozen(kw_only=True)
class SqsProducerOptions(SqsOptions):
    """Options of a producer. Those of groups are for FIFO queues."""

    group_id: Path | None = option(
        None,
        doc="The path of the value whose messages are kept in order; the message's own key, if "
        "not given, and without one all messages are of one group.",
        converter=to_path,
    )
    deduplication_id: Path | None = option(
        None,
        doc="The path of the value by which the queue knows a message again for five minutes.",
        converter=to_path,
    )
    strict_order: bool = option(
        True,
        doc="Send one message of a group in a call, so that none is overtaken where another fails. "
        "False costs a tenth of the calls where few groups have many messages.",
    )
