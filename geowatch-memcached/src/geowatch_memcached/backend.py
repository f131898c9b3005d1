"""Registers ``memcached``: what it is called, what it offers, what it can do."""

from geowatch_core.backend import Backend, RoleSpec
from geowatch_core.capabilities import Capabilities
from geowatch_core.hookspec import hookimpl
from geowatch_memcached.options import MemcachedStoreOptions

STORE = Capabilities(
    durable=False,  # memcached evicts what was not read for long, and its nodes come back empty
    max_message=1 << 30,  # the largest item that memcached can be set to take; narrowed in open
    reads_back=True,
    replaces=True,
    windows=True,
)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``memcached``."""
    return Backend(
        name="memcached",
        api_version=1,
        summary="A document under a key of memcached, which may forget it",
        store=RoleSpec(
            factory="geowatch_memcached.store:MemcachedStore",
            options=MemcachedStoreOptions,
            capabilities=STORE,
        ),
    )
