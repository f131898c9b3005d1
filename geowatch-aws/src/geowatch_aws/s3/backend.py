"""Registers ``s3``: what it is called, what it offers, what it can do."""

from geowatch_aws.s3.options import S3StoreOptions
from geowatch_core.backend import Backend, RoleSpec
from geowatch_core.capabilities import Capabilities
from geowatch_core.hookspec import hookimpl

STORE = Capabilities(
    reads_back=True,
    replaces=True,  # the one object of a fixed key; a template narrows it
)


@hookimpl
def geowatch_backend() -> Backend:
    """Register ``s3``."""
    return Backend(
        name="s3",
        api_version=1,
        summary="Objects of Amazon S3",
        store=RoleSpec(
            factory="geowatch_aws.s3.store:S3Store",
            options=S3StoreOptions,
            capabilities=STORE,
        ),
    )
