"""Settings for librdkafka: the user's go there as they are, and ours keep promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["CONSUMER", "PRODUCER", "Config", "refuse"]

SHARED: Final[Mapping[str, Any]] = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,  # a server that is back is found within a second or two
    "socket.keepalive.enable": True,
}
CONSUMER: Final[Mapping[str, Any]] = {
    **SHARED,
    "fetch.queue.backoff.ms": 10,  # the client's own 1000 halves a quick consumer (measured)
    "fetch.error.backoff.ms": 100,
    "queued.max.messages.kbytes": 16_384,  # fetched ahead: as quick as the client's 65,536
    "session.timeout.ms": 10_000,  # a killed process gives its partitions up after this
    "heartbeat.interval.ms": 1_000,
}
PRODUCER: Final[Mapping[str, Any]] = {
    **SHARED,
    # A batch is handed over message by message, and must not leave in crumbs meanwhile: every
    # request costs the server. It delays nothing, as flush sends what there is at once (measured).
    "linger.ms": 20,
    "retry.backoff.max.ms": 1_000,
    "message.max.bytes": 1_000_512,  # what the role claims, and the head of a batch
}
"""What a user may set otherwise; the rest of what both roles set, they may not."""

_OURS: Final[Mapping[str, str]] = {
    "bootstrap.servers": "It is the option host.",
    "metadata.broker.list": "It is the option host.",
    "error_cb": "Errors come out of consume, ack and deliver.",
    "logger": "The client logs to the logger geowatch_kafka.",
    "plugin.library.paths": "A configuration loads no code.",
}
_OF_CONSUMER: Final[Mapping[str, str]] = {
    **_OURS,
    "group.id": "It is the option group.",
    "enable.auto.commit": "An offset is committed when its message was acked, and never before.",
    "enable.auto.offset.store": "An offset is committed when its message was acked.",
    "auto.commit.interval.ms": "An offset is committed when its message was acked.",
    "auto.offset.reset": "It is the option start; offsets that are gone are an error, not a jump.",
    "enable.partition.eof": "A topic has no end.",
    "on_commit": "Errors come out of ack.",
}
_OF_PRODUCER: Final[Mapping[str, str]] = {
    **_OURS,
    "acks": "A message is confirmed when all replicas in sync have it.",
    "request.required.acks": "A message is confirmed when all replicas in sync have it.",
    "enable.idempotence": "Without it a retry changes the order, or duplicates.",
    "delivery.report.only.error": "Deliver answers for each message.",
    "on_delivery": "Deliver answers for each message.",
    "dr_cb": "Deliver answers for each message.",
    "message.timeout.ms": "It is the option delivery_timeout.",
    "delivery.timeout.ms": "It is the option delivery_timeout.",
    "partitioner": "It is the option partitioner.",
    "transactional.id": "Producers here are idempotent, and not transactional.",
}
REFUSED: Final[Mapping[str, Mapping[str, str]]] = {
    "consumer": _OF_CONSUMER,
    "producer": _OF_PRODUCER,
}


class Config(Mapping[str, Any]):
    """Settings by name. Shows the names and no value: any of them may be a secret.

    Raises:
        TypeError: it is no table, or a value is no text, number or boolean.
    """

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        if given is not None and not isinstance(given, Mapping):
            raise TypeError("must be a table of settings")
        settings = dict(given or {})
        for name, value in settings.items():
            if not isinstance(value, str | int | float | bool):
                raise TypeError(f"must have a text, number or boolean for each name: {name!a}")
        self._settings = settings

    def __getitem__(self, name: str) -> Any:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and other._settings == self._settings

    def __hash__(self) -> int:
        return hash(frozenset(self._settings.items()))

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}: ***" for name in self._settings) + "}"

    def hidden(self, text: str) -> str:
        """`text` without any value of these settings that is long enough to be a secret."""
        for value in self._settings.values():
            if isinstance(value, str) and len(value) > 5:
                text = text.replace(value, "***")
        return text


def refuse(role: str, config: Config) -> None:
    """Refuse what would break a promise.

    Raises:
        ValueError: names the setting, and says why.
    """
    for name in config:
        why = REFUSED[role].get(name)
        if why is not None:
            raise ValueError(f"must not set {name}. {why}")
