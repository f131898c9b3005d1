"""Registers ``django-outbox``: what it is called, what it offers, what it can do."""

from geowatch_core.backend import Backend, RoleSpec
from geowatch_core.capabilities import Capabilities, Order, Settlement
from geowatch_core.contrib.django.outbox.options import OutboxConsumerOptions
from geowatch_core.hookspec import hookimpl

CONSUMER = Capabilities(
    settles=Settlement.EACH, order=Order.ALL, keys=True, headers=True, times=True
)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``django-outbox``."""
    return Backend(
        name="django-outbox",
        api_version=1,
        summary="What transactions of a Django project have sent",
        consumer=RoleSpec(
            factory="geowatch_core.contrib.django.outbox.consumer:OutboxConsumer",
            options=OutboxConsumerOptions,
            capabilities=CONSUMER,
        ),
    )
