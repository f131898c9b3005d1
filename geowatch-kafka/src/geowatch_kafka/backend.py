"""Registers ``kafka``: what it is called, what it offers, what it can do."""

from geowatch_core import Backend, Capabilities, Order, RoleSpec, Settlement, hookimpl
from geowatch_kafka.options import KafkaConsumerOptions, KafkaProducerOptions

OVERHEAD = 512
"""Bytes that a batch of one message adds to it, and some to spare."""
CONSUMER = Capabilities(
    settles=Settlement.PREFIX,
    order=Order.KEY,
    keys=True,
    headers=True,
    times=True,
    max_unsettled=100_000,
)
PRODUCER = Capabilities(
    order=Order.KEY,
    keys=True,
    headers=True,
    times=True,
    max_message=1_000_000,  # or less, where the topic takes less
)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``kafka``."""
    return Backend(
        name="kafka",
        api_version=1,
        summary="Topics of Apache Kafka, and of what speaks its protocol",
        consumer=RoleSpec(
            factory="geowatch_kafka.consumer:KafkaConsumer",
            options=KafkaConsumerOptions,
            capabilities=CONSUMER,
        ),
        producer=RoleSpec(
            factory="geowatch_kafka.producer:KafkaProducer",
            options=KafkaProducerOptions,
            capabilities=PRODUCER,
        ),
    )
