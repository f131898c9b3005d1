"""Delivers to a stream."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs

from geowatch_aws.kinesis._driver import Client, Entry
from geowatch_aws.kinesis.backend import BATCH_BYTES, PRODUCER
from geowatch_aws.kinesis.options import KinesisProducerOptions
from geowatch_aws.kinesis.partition import partition_key
from geowatch_core import (
    CONFIRMED,
    Codec,
    Message,
    Order,
    Outcome,
    PermanentError,
    Producer,
    RetryableError,
)

_CALLS: Final = 8
"""Calls at the same time: a shard answers in some 10 ms and takes 1,000 records a second."""

_KEYS: Final = 10_000
"""Keys whose sequence number is kept: a call only needs it while the one before is quite new."""


class KinesisProducer(Producer):
    """Puts records, 500 a call, and answers for each.

    The service may take records of one call in another order than they stand there, and take some
    and refuse others. ``in_order`` puts them one by one instead, the next of a key only when the
    one before it is confirmed; different keys go side by side.
    """

    capabilities = PRODUCER

    def __init__(self, options: KinesisProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec, key=options.partition_key)
        self._options = options
        self._numbers = _Numbers()
        if options.in_order:
            # One call a message: what is cut into runs could not be held back behind a failure.
            self.capabilities = attrs.evolve(PRODUCER, max_batch=None, max_batch_bytes=None)
        else:
            self.capabilities = attrs.evolve(PRODUCER, order=Order.NONE)
            self.calls_at_once = _CALLS

    def _open(self) -> None:
        options = self._options
        client = Client(options, calls=_CALLS)
        try:
            stream = client.open(create=options.shards if options.topic_check else None)
        except BaseException:
            client.close()
            raise
        self._client = client
        can = attrs.evolve(self.capabilities, max_message=stream.largest)
        if can.max_batch_bytes is not None and stream.largest <= BATCH_BYTES:
            can = attrs.evolve(can, max_batch_bytes=BATCH_BYTES)
        self.capabilities = can

    def _size(self, message: Message) -> int:
        return len(message.data) + len(partition_key(message.key, message.data).encode())

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        entries = [Entry(partition_key(m.key, m.data), m.data) for m in messages]
        if self._options.in_order:
            return self._in_order(entries)
        return [CONFIRMED if why is None else why for why in self._client.put_all(entries)]

    def _in_order(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        by_key: dict[str, list[int]] = {}
        for index, entry in enumerate(entries):
            by_key.setdefault(entry.key, []).append(index)
        groups = list(by_key.values())

        def put(indexes: Sequence[int]) -> list[Outcome]:
            return self._one_by_one([entries[index] for index in indexes])

        if len(groups) == 1:
            return put(groups[0])
        with ThreadPoolExecutor(_CALLS, f"geowatch {self.name}") as pool:
            answers = list(pool.map(put, groups))
        outcomes = {
            index: outcome
            for indexes, answer in zip(groups, answers, strict=True)
            for index, outcome in zip(indexes, answer, strict=True)
        }
        return [outcomes[index] for index in range(len(entries))]

    def _one_by_one(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Put records of one key, each when the one before it is confirmed."""
        outcomes: list[Outcome] = []
        for entry in entries:
            try:
                number = self._client.put(entry, self._numbers.get(entry.key))
            except PermanentError as error:
                outcomes.append(error)
            except RetryableError as error:
                behind = RetryableError(
                    "An earlier message of the same key was not confirmed, and this one must not "
                    "overtake it",
                    got=self._options.full_topic,
                    fix="Try both again, in this order.",
                )
                return [*outcomes, error, *[behind] * (len(entries) - len(outcomes) - 1)]
            else:
                self._numbers.put(entry.key, number)
                outcomes.append(CONFIRMED)
        return outcomes

    def _delete_topic(self) -> bool:
        self._client.delete()
        return True

    def _close(self) -> None:
        self._client.close()


class _Numbers:
    """The sequence numbers that the latest keys have come to."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> str | None:
        return self._known.get(key)

    def put(self, key: str, number: str) -> None:
        with self._lock:
            self._known[key] = number
            self._known.move_to_end(key)
            if len(self._known) > _KEYS:
                self._known.popitem(last=False)
