"""Registers ``memory``: what it is called, what it offers, what it can do."""

from geowatch_core.backend import Backend, RoleSpec
from geowatch_core.capabilities import Capabilities, Order, Settlement
from geowatch_core.hookspec import hookimpl
from geowatch_core.memory.options import (
    MemoryConsumerOptions,
    MemoryProducerOptions,
    MemoryStoreOptions,
)

STREAM = Capabilities(
    settles=Settlement.EACH,
    order=Order.ALL,
    persistent=False,
    keys=True,
    headers=True,
    times=True,
)
STORE = Capabilities(persistent=False, reads_back=True, replaces=True)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``memory``."""
    return Backend(
        name="memory",
        api_version=1,
        summary="Topics and documents in the memory of this process",
        consumer=RoleSpec(
            factory="geowatch_core.memory.consumer:MemoryConsumer",
            options=MemoryConsumerOptions,
            capabilities=STREAM,
        ),
        producer=RoleSpec(
            factory="geowatch_core.memory.producer:MemoryProducer",
            options=MemoryProducerOptions,
            capabilities=STREAM,
        ),
        store=RoleSpec(
            factory="geowatch_core.memory.store:MemoryStore",
            options=MemoryStoreOptions,
            capabilities=STORE,
        ),
    )
