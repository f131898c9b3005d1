"""Consumes from a topic, as a member of a group."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import attrs

from geowatch_core import ClosedError, Codec, Consumer, Message
from geowatch_kafka import _driver
from geowatch_kafka.backend import CONSUMER
from geowatch_kafka.beginning import Beginning
from geowatch_kafka.config import CONSUMER as SETTINGS
from geowatch_kafka.config import Config
from geowatch_kafka.lane import Chunk, Lane
from geowatch_kafka.options import KafkaConsumerOptions
from geowatch_kafka.poller import Poller
from geowatch_kafka.process import same_process
from geowatch_kafka.shelf import Shelf
from geowatch_kafka.topic import ensure_topic

_LEAVING: Final = 10.0
"""Seconds for the client to leave its group, which waits for a rebalance that is under way."""


class KafkaConsumer(Consumer):
    """Shares the partitions of its topic with the other members of its group.

    Messages come in order within a partition. What is acked is committed, up to the first message
    of its partition that is not settled; what is given back comes again before all later ones.
    When a partition goes to another member, what is in hand may still be acked for `timeout`
    seconds; after that it is the other member's, and an ack of it does nothing.
    """

    capabilities = CONSUMER

    def __init__(self, options: KafkaConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self.capabilities = attrs.evolve(CONSUMER, max_unsettled=options.max_unsettled)
        self._options = options
        self._topic = options.full_topic

    def _open(self) -> None:
        self._process = os.getpid()
        options = self._options
        self._shelf = Shelf(options.max_unsettled)
        self._errors: list[Any] = []
        self._poller: Poller | None = None
        client = _driver.made(
            options.client or _driver.Consumer,
            self._settings(),
            options.config,
            f"The settings of {self.name} cannot be used",
        )
        try:
            partitions = ensure_topic(client, options, self._settings(), self._errors)
            self._poller = self._polling(client, partitions)
        except BaseException:
            client.close()
            raise
        # Whoever produces after this has returned counts on being heard.
        waits = options.start == "latest" and options.partitions is None
        self._poller.begin(held=waits)
        if waits:
            self._poller.assigned.wait(options.timeout)

    def _settings(self) -> dict[str, Any]:
        options = self._options
        ours = dict(SETTINGS)
        if options.config.get("group.protocol") == "consumer":  # then the server sets these
            del ours["session.timeout.ms"], ours["heartbeat.interval.ms"]
        return {
            **ours,
            **options.config,
            "bootstrap.servers": options.host,
            "group.id": options.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "error_cb": self._error,
            "on_commit": self._committed,
        }

    def _error(self, error: Any) -> None:
        """The client calls this in the thread that polls, or that opens."""
        if self._poller is None:
            self._errors.append(error)
        else:
            self._poller.error(error)

    def _committed(self, error: Any, partitions: Sequence[Any]) -> None:
        """The client calls this in the thread that polls."""
        if self._poller is not None:
            self._poller.commits.answered(error, partitions)

    def _polling(self, client: Any, partitions: Sequence[int]) -> Poller:
        options = self._options
        begin = Beginning(client, options)
        poller = Poller(
            client,
            self._topic,
            options.config,
            options.timeout,
            self._shelf,
            begin.placed,
            incremental=_incremental(options.config),
        )
        with _driver.translated(f"{self.name} cannot consume", options.config, got=self._topic):
            if options.partitions is None:
                client.subscribe(
                    [self._topic],
                    on_assign=poller.on_assign,
                    on_revoke=poller.on_revoke,
                    on_lost=poller.on_lost,
                )
            else:
                chosen = begin.chosen(partitions)
                client.assign(chosen)
                poller.own(chosen)
        return poller

    def _consume(self, count: int, timeout: float) -> list[Message]:
        same_process(self.name, self._process)
        return self._shelf.take(count, timeout)

    def _ack(self, messages: Sequence[Message]) -> None:
        same_process(self.name, self._process)
        settling = _by_chunk(messages)
        lanes = {chunk.lane for chunk in settling}
        offsets: dict[Lane, int] = {}
        with self._shelf.changed:
            for lane in lanes:
                reached = lane.reach(settling) if lane.alive else None
                if reached is not None:
                    offsets[lane] = reached
        if offsets and self._poller is not None:
            try:
                self._poller.commits.commit(offsets)
            except ClosedError:
                self._require_open()
                raise
        self._shelf.settle(settling)

    def _nack(self, messages: Sequence[Message]) -> None:
        same_process(self.name, self._process)
        self._shelf.give_back(messages)

    def _delete_topic(self) -> bool:
        given = self._options
        _driver.delete_topic(self._settings(), given.config, self._topic, given.timeout)
        return True

    def _close(self) -> None:
        self._shelf.close()
        if self._poller is not None and os.getpid() == self._process:
            self._poller.stop(max(self._options.timeout, _LEAVING))


def _incremental(config: Config) -> bool:
    """Whether the group's protocol takes partitions away one by one."""
    strategy = str(config.get("partition.assignment.strategy", ""))
    return "cooperative" in strategy or config.get("group.protocol") == "consumer"


def _by_chunk(messages: Sequence[Message]) -> dict[Chunk, list[int]]:
    """The offsets of messages, by what they were fetched with."""
    groups: dict[Chunk, list[int]] = {}
    chunk, offsets = None, [0]
    for message in messages:
        place = message.position
        if place.chunk is not chunk:  # nearly always they come one chunk after the other
            chunk = place.chunk
            offsets = groups.setdefault(chunk, [])
        offsets.append(place.offset)
    return groups
