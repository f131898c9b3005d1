"""Registers ``file``: what it is called, what it offers, what it can do."""

from geowatch_core.backend import Backend, RoleSpec
from geowatch_core.capabilities import Capabilities, Order, Settlement
from geowatch_core.file.options import FileConsumerOptions, FileProducerOptions, FileStoreOptions
from geowatch_core.hookspec import hookimpl

CONSUMER = Capabilities(settles=Settlement.PREFIX, order=Order.ALL, max_unsettled=100_000)
PRODUCER = Capabilities(order=Order.ALL)
STORE = Capabilities(reads_back=True, replaces=True)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``file``."""
    return Backend(
        name="file",
        api_version=1,
        summary="Files of lines, and documents on disk",
        consumer=RoleSpec(
            factory="geowatch_core.file.consumer:FileConsumer",
            options=FileConsumerOptions,
            capabilities=CONSUMER,
        ),
        producer=RoleSpec(
            factory="geowatch_core.file.producer:FileProducer",
            options=FileProducerOptions,
            capabilities=PRODUCER,
        ),
        store=RoleSpec(
            factory="geowatch_core.file.store:FileStore",
            options=FileStoreOptions,
            capabilities=STORE,
        ),
    )
