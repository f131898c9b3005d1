"""Registers ``sqs``: what it is called, what it offers, what it can do."""

from geowatch_aws.sqs.options import SqsConsumerOptions, SqsProducerOptions
from geowatch_core.backend import Backend, RoleSpec
from geowatch_core.capabilities import Capabilities, Order, Settlement
from geowatch_core.hookspec import hookimpl

LARGEST = 1 << 20
"""Bytes of a message with its attributes, and of a batch; a queue may allow less.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
ENTRIES = 10
"""Most entries of a call."""
VISIBILITY = 30
"""Seconds that a queue hides a received message, unless it says otherwise."""

CONSUMER = Capabilities(
    settles=Settlement.EACH,
    order=Order.KEY,  # of a FIFO queue; a standard one narrows it when it opens
    keys=True,
    headers=True,
    times=True,
    max_unsettled=5_000,
    redelivers_after=float(VISIBILITY),
)
PRODUCER = Capabilities(
    order=Order.KEY,
    keys=True,
    headers=True,
    times=True,
    max_message=LARGEST,
    max_batch=ENTRIES,
    max_batch_bytes=LARGEST,
)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``sqs``."""
    return Backend(
        name="sqs",
        api_version=1,
        summary="Queues of Amazon SQS",
        consumer=RoleSpec(
            factory="geowatch_aws.sqs.consumer:SqsConsumer",
            options=SqsConsumerOptions,
            capabilities=CONSUMER,
        ),
        producer=RoleSpec(
            factory="geowatch_aws.sqs.producer:SqsProducer",
            options=SqsProducerOptions,
            capabilities=PRODUCER,
        ),
    )
