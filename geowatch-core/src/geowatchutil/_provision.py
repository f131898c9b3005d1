"""Where every ``provision_…`` of 2015 leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import geowatch_core
from geowatchutil._options import options
from geowatchutil.broker.base import GeoWatchBroker
from geowatchutil.client.base import GeoWatchClient
from geowatchutil.node.base import GeoWatchNode
from geowatchutil.store.base import GeoWatchStore

__all__ = ["broker", "node", "store"]

_NOT_OF_A_CLIENT = ("codec", "topic", "name")
_NO_OPTIONS = ("enabled", "backend", "topic", "topics", "options")
_WORDS = (
    "filter_metadata",
    "filter_last_one",
    "deduplicate",
    "count",
    "timeout",
    "sleep_period",
)


def node(
    backend: str, mode: str, client: GeoWatchClient | None, **given: Any
) -> tuple[GeoWatchClient, GeoWatchNode]:
    """A node, and a client that can be given to the next one of the same backend."""
    merged = {**(client.options if client else {}), **options(given)}
    if backend == "file":  # a file has a path and no topic, whatever was given by default
        merged = {k: v for k, v in merged.items() if not k.startswith("topic")}
    known = {k: v for k, v in merged.items() if k not in _NOT_OF_A_CLIENT}
    client = client or GeoWatchClient(backend, known)
    topic = merged.get("topic", merged.get("path"))
    if mode == "consumer":
        consumer = geowatch_core.provision_consumer(backend, **merged)
        return client, GeoWatchNode(client, mode, topic, consumer=consumer)
    if mode == "producer":
        producer = geowatch_core.provision_producer(backend, **merged)
        return client, GeoWatchNode(client, mode, topic, producer=producer)
    both = geowatch_core.provision_duplex(backend, **merged)
    return client, GeoWatchNode(client, mode, topic, consumer=both.consumer, producer=both.producer)


def store(backend: str, key: str, codec: Any, **given: Any) -> GeoWatchStore:
    """A store."""
    return GeoWatchStore.of(backend, key, codec, **given)


def broker(
    table: Mapping[str, Any], shared: Mapping[str, Any] | None, *, verbose: bool
) -> GeoWatchBroker:
    """A broker from a table of 2015; what its entries have in common stands in `shared`."""
    with ExitStack() as opened:

        def nodes(mode: str, key: str) -> list[GeoWatchNode]:
            return [
                opened.enter_context(
                    node(each["backend"], mode, None, **_own(each, shared), topic=topic)[1]
                )
                for each in _enabled(table, key)
                for topic in each.get("topics", [each.get("topic")])
            ]

        made = _broker(table, nodes, opened, verbose=verbose)
        opened.pop_all()
    return made


def _broker(
    table: Mapping[str, Any],
    nodes: Callable[[str, str], list[GeoWatchNode]],
    opened: ExitStack,
    *,
    verbose: bool,
) -> GeoWatchBroker:
    stores = [
        opened.enter_context(
            store(each["backend"], **{**_own(each, {}), **each.get("options", {})})
        )
        for each in _enabled(table, "stores_out")
    ]
    return GeoWatchBroker(
        table.get("name"),
        table.get("description"),
        consumers=nodes("consumer", "consumers"),
        producers=nodes("producer", "producers"),
        duplex=nodes("duplex", "duplex"),
        stores_out=stores,
        verbose=verbose,
        **{word: table[word] for word in _WORDS if word in table},
    )


def _enabled(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [each for each in table.get(key, ()) if each.get("enabled", True)]


def _own(entry: Mapping[str, Any], shared: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options of an entry, over those that all share."""
    merged = {**(shared or {}), **entry}
    return {key: value for key, value in merged.items() if key not in _NO_OPTIONS}
