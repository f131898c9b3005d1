"""Registers ``sns``: what it is called, what it offers, what it can do."""

from geowatch_aws.sns.options import SnsProducerOptions
from geowatch_core.backend import Backend, RoleSpec
from geowatch_core.capabilities import Capabilities, Order
from geowatch_core.hookspec import hookimpl

LARGEST = 1 << 20
"""Bytes that a topic can be set to take; a batch may have as many as a message.
https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html"""
USUAL = 256 << 10
"""Bytes that it takes unless it was set to take more."""
ENTRIES = 10
"""Most entries of a call."""

PRODUCER = Capabilities(
    order=Order.KEY,  # of a FIFO topic; a standard one narrows it
    keys=True,
    headers=True,
    times=True,
    max_message=LARGEST,
    max_batch=ENTRIES,
    max_batch_bytes=LARGEST,
)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``sns``."""
    return Backend(
        name="sns",
        api_version=1,
        summary="Topics of Amazon SNS",
        producer=RoleSpec(
            factory="geowatch_aws.sns.producer:SnsProducer",
            options=SnsProducerOptions,
            capabilities=PRODUCER,
        ),
    )
