"""Registers the good twin, and beside it every sabotaged backend of the table."""

from __future__ import annotations

import attrs

from geowatch_core.backend import Backend, RoleName, RoleSpec
from geowatch_core.capabilities import Capabilities, Order, Settlement
from geowatch_core.file import backend as file_backend
from geowatch_core.hookspec import hookimpl
from tests.kit.table import SABOTAGES, Sabotage

LARGEST, LARGEST_BATCH, MOST, LARGEST_DOCUMENT = 1_000, 2_500, 10, 20_000

STREAM = Capabilities(
    settles=Settlement.EACH,
    order=Order.KEY,
    persistent=False,
    keys=True,
    headers=True,
    times=True,
    max_message=LARGEST,
    max_batch=MOST,
    max_batch_bytes=LARGEST_BATCH,
)
STORE = Capabilities(persistent=False, reads_back=True, max_message=LARGEST_DOCUMENT)
STORE_TOO_PROUD = attrs.evolve(STORE, persistent=True)
STREAM_TOO_PROUD = attrs.evolve(STREAM, persistent=True)

_HOME = "tests.kit.twin"


class Plugin:
    """What an entry point leads to."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @hookimpl
    def geowatch_backend(self) -> Backend:
        """Register it."""
        return self._backend


def made(name: str, sabotage: Sabotage | None = None) -> Plugin:
    """The backend of that name: the good twin, but for the one role that is sabotaged."""
    from tests.kit.twin import options

    roles: dict[RoleName, RoleSpec] = {
        "consumer": RoleSpec(
            factory=f"{_HOME}.consumer:TwinConsumer",
            options=options.TwinConsumerOptions,
            capabilities=STREAM,
        ),
        "producer": RoleSpec(
            factory=f"{_HOME}.producer:TwinProducer",
            options=options.TwinProducerOptions,
            capabilities=STREAM,
        ),
        "store": RoleSpec(
            factory=f"{_HOME}.store:TwinStore",
            options=options.TwinStoreOptions,
            capabilities=STORE,
        ),
    }
    if sabotage is not None and sabotage.role in roles:
        role: RoleName = sabotage.role
        spec = file_backend_spec() if sabotage.of_file else roles[role]
        claims = globals()[sabotage.claims] if sabotage.claims else spec.capabilities
        factory = f"tests.kit.sabotage.{role}:{sabotage.factory}"
        roles[role] = attrs.evolve(spec, factory=factory, capabilities=claims)
    return Plugin(Backend(name=name, api_version=1, summary="A twin of memory", **roles))


def file_backend_spec() -> RoleSpec:
    """The consumer of files, which settles by position."""
    spec = file_backend.geowatch_backend().consumer
    assert spec is not None
    return spec


def __getattr__(name: str) -> Plugin:
    """The plugin of an entry point, made when it is asked for."""
    if name == "twin":
        return made("twin")
    if name not in SABOTAGES:
        raise AttributeError(name)
    return made(SABOTAGES[name].backend, SABOTAGES[name])
