"""Registers ``slack``: what it is called, what it offers, what it can do."""

from geowatch_core import Backend, Capabilities, Order, RoleSpec, Settlement, hookimpl
from geowatch_slack.options import SlackConsumerOptions, SlackProducerOptions

MOST_AT_ONCE = 500
"""Messages of one call: what waits together may become one digest."""
MOST_SINGLY = 50
"""Messages of one call where none becomes a digest: each of them takes a second."""

CONSUMER = Capabilities(settles=Settlement.PREFIX, order=Order.ALL)
PRODUCER = Capabilities(order=Order.ALL, max_batch=MOST_AT_ONCE)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``slack``."""
    return Backend(
        name="slack",
        api_version=1,
        summary="Channels of Slack, for people to read and to write",
        consumer=RoleSpec(
            factory="geowatch_slack.consumer:SlackConsumer",
            options=SlackConsumerOptions,
            capabilities=CONSUMER,
        ),
        producer=RoleSpec(
            factory="geowatch_slack.producer:SlackProducer",
            options=SlackProducerOptions,
            capabilities=PRODUCER,
        ),
    )
