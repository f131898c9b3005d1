"""The functions that most code of 2015 called. Each returns ``(client, node)``, as it did then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from geowatchutil import _provision
from geowatchutil._deprecated import deprecated
from geowatchutil.broker.base import GeoWatchBroker
from geowatchutil.client.base import GeoWatchClient
from geowatchutil.node.base import GeoWatchNode
from geowatchutil.store.base import GeoWatchStore

__all__ = [
    "provision_broker",
    "provision_brokers",
    "provision_consumer",
    "provision_consumer_file",
    "provision_consumer_kafka",
    "provision_consumer_kinesis",
    "provision_duplex",
    "provision_node",
    "provision_producer",
    "provision_store",
]

Provisioned = tuple[GeoWatchClient, GeoWatchNode]
Client = GeoWatchClient | None


def provision_consumer_kafka(
    host: str | None = None,
    client: Client = None,
    topic: str | None = None,
    codec: Any = "GeoWatchCodecPlain",
    topic_prefix: str = "",
    max_tries: int = 12,
    timeout: float = 5,
    sleep_period: float = 5,
    topic_check: bool = False,
    verbose: bool = False,
) -> Provisioned:
    """``geowatch_core.provision("kafka", "consumer", …)``."""
    deprecated("runtime.provision_consumer_kafka", _new("kafka", "consumer"))
    return _provision.node(
        "kafka",
        "consumer",
        client,
        host=host,
        topic=topic,
        codec=codec,
        topic_prefix=topic_prefix,
        max_tries=max_tries,
        timeout=timeout,
        sleep_period=sleep_period,
        topic_check=topic_check,
        verbose=verbose,
    )


def provision_consumer_kinesis(
    topic: str | None = None,
    codec: Any = "GeoWatchCodecPlain",
    aws_region: str | None = None,
    aws_access_key_id: str | None = None,
    aws_secret_access_key: str | None = None,
    shard_id: str = "shardId-000000000000",
    shard_it_type: str = "LATEST",
    client: Client = None,
    topic_prefix: str = "",
    max_tries: int = 12,
    timeout: float = 5,
    sleep_period: float = 5,
    topic_check: bool = False,
    verbose: bool = False,
) -> Provisioned:
    """``geowatch_core.provision("kinesis", "consumer", …)``."""
    deprecated("runtime.provision_consumer_kinesis", _new("kinesis", "consumer"))
    return _provision.node(
        "kinesis",
        "consumer",
        client,
        topic=topic,
        codec=codec,
        aws_region=aws_region,
        aws_access_key_id=aws_access_key_id,
        aws_secret_access_key=aws_secret_access_key,
        shard_id=shard_id,
        shard_it_type=shard_it_type,
        topic_prefix=topic_prefix,
        max_tries=max_tries,
        timeout=timeout,
        sleep_period=sleep_period,
        topic_check=topic_check,
        verbose=verbose,
    )


def provision_consumer_file(
    path: str,
    client: Client = None,
    codec: Any = "GeoWatchCodecPlain",
    topic_check: bool = False,
    verbose: bool = False,
) -> Provisioned:
    """``geowatch_core.provision("file", "consumer", …)``; a file has no topic to check."""
    deprecated("runtime.provision_consumer_file", _new("file", "consumer"))
    return _provision.node("file", "consumer", client, path=path, codec=codec, verbose=verbose)


def provision_producer(
    backend: str,
    topic: str | None = None,
    codec: Any = "GeoWatchCodecPlain",
    path: str | None = None,
    host: str | None = None,
    aws_region: str | None = None,
    aws_access_key_id: str | None = None,
    aws_secret_access_key: str | None = None,
    client: Client = None,
    topic_prefix: str = "",
    max_tries: int = 12,
    timeout: float = 5,
    sleep_period: float = 5,
    topic_check: bool = False,
    verbose: bool = False,
    **options: Any,
) -> Provisioned:
    """``geowatch_core.provision(backend, "producer", …)``.

    ``options`` are what only some backends take, such as ``url_webhook`` of Slack.
    """
    deprecated("runtime.provision_producer", _new("backend", "producer"))
    return _provision.node(
        backend,
        "producer",
        client,
        topic=topic,
        codec=codec,
        path=path,
        host=host,
        aws_region=aws_region,
        aws_access_key_id=aws_access_key_id,
        aws_secret_access_key=aws_secret_access_key,
        topic_prefix=topic_prefix,
        max_tries=max_tries,
        timeout=timeout,
        sleep_period=sleep_period,
        topic_check=topic_check,
        verbose=verbose,
        **options,
    )


def provision_consumer(backend: str, client: Client = None, **options: Any) -> Provisioned:
    """``geowatch_core.provision(backend, "consumer", …)``."""
    deprecated("runtime.provision_consumer", _new("backend", "consumer"))
    return _provision.node(backend, "consumer", client, **options)


def provision_duplex(backend: str, client: Client = None, **options: Any) -> Provisioned:
    """``geowatch_core.provision(backend, "duplex", …)``."""
    deprecated("runtime.provision_duplex", _new("backend", "duplex"))
    return _provision.node(backend, "duplex", client, **options)


def provision_node(backend: str, mode: str, client: Client = None, **options: Any) -> Provisioned:
    """``geowatch_core.provision(backend, mode, …)``."""
    deprecated("runtime.provision_node", _new("backend", "mode"))
    return _provision.node(backend, mode, client, **options)


def provision_store(backend: str, key: str, codec: Any, **options: Any) -> GeoWatchStore:
    """``geowatch_core.provision(backend, "store", …)``; a store came alone, without a client."""
    deprecated("runtime.provision_store", _new("backend", "store"))
    return _provision.store(backend, key, codec, **options)


def provision_brokers(
    watchlist: Iterable[Mapping[str, Any]],
    globalconfig: Mapping[str, Any] | None = None,
    templates: Mapping[str, Any] | None = None,
    brokerfilter: Mapping[str, Any] | None = None,
    verbose: bool = False,
) -> list[GeoWatchBroker]:
    """``geowatch_core.provision_brokers({"brokers": […]})``.

    Args:
        watchlist: tables as they were in 2015.
        globalconfig: options for every consumer and producer that has not its own.
        templates: an option of Slack today, beside its others.
        brokerfilter: leave out brokers whose ``filter_metadata`` lets nothing of this pass.
        verbose: as for a broker.
    """
    deprecated("runtime.provision_brokers", "geowatch_core.provision_brokers(config)")
    _refuse(templates)
    return [
        _provision.broker(table, globalconfig, verbose=verbose)
        for table in watchlist
        if table.get("enabled", True) and _passes(table, brokerfilter or {})
    ]


def provision_broker(
    brokerconfig: Mapping[str, Any],
    globalconfig: Mapping[str, Any] | None = None,
    templates: Mapping[str, Any] | None = None,
    verbose: bool = True,
) -> GeoWatchBroker:
    """``geowatch_core.provision_broker(config)``; arguments as for `provision_brokers`."""
    deprecated("runtime.provision_broker", "geowatch_core.provision_broker(config)")
    _refuse(templates)
    return _provision.broker(brokerconfig, globalconfig, verbose=verbose)


def _new(backend: str, role: str) -> str:
    quoted = [name if name in ("backend", "mode") else f'"{name}"' for name in (backend, role)]
    return f"geowatch_core.provision({', '.join(quoted)}, …)"


def _refuse(templates: object) -> None:
    if templates:
        raise TypeError(
            "Templates are not looked up by name any more. Give each producer of Slack its own: "
            'template="M {mag} {place}".'
        )


def _passes(table: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    kept = table.get("filter_metadata")
    return not kept or all(value in kept.get(name, ()) for name, value in wanted.items())
