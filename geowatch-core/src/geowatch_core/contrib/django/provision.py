"""Provisions what a project's settings describe.

The same functions as core's, without the configuration: that is in ``settings.GEOWATCH_BROKERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import geowatch_core
from geowatch_core.backend import RoleName
from geowatch_core.broker import Broker
from geowatch_core.consumer import Consumer
from geowatch_core.contrib.django.configuration import configuration, enabled, options_for
from geowatch_core.errors import ConfigurationError
from geowatch_core.options import fields
from geowatch_core.producer import Producer
from geowatch_core.provision import role_spec
from geowatch_core.store import Store

__all__ = [
    "provision_broker",
    "provision_brokers",
    "provision_consumer",
    "provision_producer",
    "provision_store",
]


def provision_brokers(
    *,
    only: Collection[str] | None = None,
    factory: Callable[..., Broker] = Broker,
    plugins: Iterable[object] = (),
) -> list[Broker]:
    """The enabled brokers of the settings, their channels open; none if GEOWATCH_ENABLED is false.

    Args:
        only: as for `geowatch_core.provision_brokers`.
        factory: as there.
        plugins: as there.

    Raises:
        ConfigurationError, ServiceError: as there.
    """
    config = configuration()
    if not config or not enabled():
        return []
    return geowatch_core.provision_brokers(config, only=only, factory=factory, plugins=plugins)


def provision_broker(
    name: str | None = None,
    *,
    factory: Callable[..., Broker] = Broker,
    plugins: Iterable[object] = (),
) -> Broker:
    """One broker of the settings, its channels open.

    Args:
        name: which one; not needed where only one is enabled.
        factory: as for `geowatch_core.provision_broker`.
        plugins: as there.

    Raises:
        ConfigurationError: GEOWATCH_ENABLED is false, or as there.
        ServiceError: as there.
    """
    if not enabled():
        fix = "Set GEOWATCH_ENABLED = True, or leave it out."
        raise ConfigurationError("The settings have GeoWatch switched off", got=name, fix=fix)
    return geowatch_core.provision_broker(configuration(), name, factory=factory, plugins=plugins)


def provision_consumer(backend: str | None = None, **options: Any) -> Consumer:
    """An open consumer.

    Args:
        backend: its name; GEOWATCH_STREAMING_BACKEND, if not given.
        **options: the options of that role, over those that settings give.
    """
    return geowatch_core.provision_consumer(**_given(backend, "consumer", options))


def provision_producer(backend: str | None = None, **options: Any) -> Producer:
    """An open producer; arguments as for `provision_consumer`."""
    return geowatch_core.provision_producer(**_given(backend, "producer", options))


def provision_store(backend: str | None = None, **options: Any) -> Store:
    """An open store; arguments as for `provision_consumer`."""
    return geowatch_core.provision_store(**_given(backend, "store", options))


def _given(backend: str | None, role: RoleName, options: dict[str, Any]) -> dict[str, Any]:
    chosen, merged = options_for(backend, options)
    known = fields(role_spec(chosen, role).options)
    # An option of another role of this backend came from the settings: nobody asked for it here.
    mine = {key: value for key, value in merged.items() if key in known or key in options}
    return {"backend": chosen, **mine}
