"""Registers ``sqlite``: what it is called, what it offers, what it can do."""

from geowatch_core import Backend, Capabilities, Order, RoleSpec, Settlement, hookimpl

from geowatch_sqlite.options import (
    SqliteConsumerOptions,
    SqliteProducerOptions,
    SqliteStoreOptions,
)

LARGEST = 32 << 20
"""Bytes of the largest message: well below the 10^9 that SQLite allows a row, headers and all."""

CONSUMER = Capabilities(
    settles=Settlement.EACH, order=Order.ALL, keys=True, headers=True, times=True
)
PRODUCER = Capabilities(order=Order.ALL, keys=True, headers=True, times=True, max_message=LARGEST)
STORE = Capabilities(max_message=LARGEST, reads_back=True, replaces=True)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``sqlite``."""
    return Backend(
        name="sqlite",
        api_version=1,
        summary="Queues and documents in a SQLite file",
        consumer=RoleSpec(
            factory="geowatch_sqlite.consumer:SqliteConsumer",
            options=SqliteConsumerOptions,
            capabilities=CONSUMER,
        ),
        producer=RoleSpec(
            factory="geowatch_sqlite.producer:SqliteProducer",
            options=SqliteProducerOptions,
            capabilities=PRODUCER,
        ),
        store=RoleSpec(
            factory="geowatch_sqlite.store:SqliteStore",
            options=SqliteStoreOptions,
            capabilities=STORE,
        ),
    )
