"""Registers ``kinesis``: what it is called, what it offers, what it can do."""

from typing import Final

from geowatch_aws.kinesis.options import KinesisConsumerOptions, KinesisProducerOptions
from geowatch_core import Backend, Capabilities, Order, RoleSpec, Settlement, hookimpl

BATCH_BYTES: Final = 5 << 20
"""Bytes of one PutRecords: the limit before it was raised to 10 MiB, which others still have."""
LARGEST_BATCH: Final = 10 << 20
_LARGEST: Final = 10 << 20

CONSUMER = Capabilities(
    settles=Settlement.PREFIX, order=Order.KEY, keys=True, max_unsettled=100_000
)
PRODUCER = Capabilities(
    order=Order.KEY, max_message=_LARGEST, max_batch=500, max_batch_bytes=LARGEST_BATCH
)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``kinesis``."""
    return Backend(
        name="kinesis",
        api_version=1,
        summary="Streams of Amazon Kinesis",
        consumer=RoleSpec(
            factory="geowatch_aws.kinesis.consumer:KinesisConsumer",
            options=KinesisConsumerOptions,
            capabilities=CONSUMER,
        ),
        producer=RoleSpec(
            factory="geowatch_aws.kinesis.producer:KinesisProducer",
            options=KinesisProducerOptions,
            capabilities=PRODUCER,
        ),
    )
