"""Where a consumer begins in each of its partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geowatch_core import PermanentError
from geowatch_kafka import _driver
from geowatch_kafka.options import KafkaConsumerOptions

__all__ = ["Beginning"]


class Beginning:
    """Resolves offsets before anything is consumed.

    The client would begin by itself, and jump to either end where an offset is missing or gone. It
    is told where to begin instead, so that whatever is not there is an error.

    Args:
        client: asked for offsets.
        options: of the consumer.
    """

    def __init__(self, client: Any, options: KafkaConsumerOptions) -> None:
        self._client = client
        self._options = options
        self._topic = options.full_topic

    def chosen(self, known: Sequence[int]) -> list[Any]:
        """The partitions that the options name, and where to begin in each.

        Raises:
            PermanentError: the topic has no such partition.
        """
        options = self._options
        named = options.partitions or ()
        unknown = sorted(set(named) - set(known))
        if unknown:
            raise PermanentError(
                f"The topic {self._topic} has no such partition",
                got=unknown[0],
                fix=f"It has {len(known)}, from 0 to {len(known) - 1}.",
            )
        if isinstance(options.replay_from, float):
            return self._at(named, options.replay_from)
        if options.replay_from is not None:
            return [self._here(number, options.replay_from) for number in named]
        return self.placed([self._here(number) for number in named])

    def placed(self, partitions: Sequence[Any]) -> list[Any]:
        """Where the group has got to in each; where it has not been yet, what ``start`` says.

        Raises:
            RetryableError: the servers did not answer.
            PermanentError: they refused.
        """
        options = self._options
        what = f"Kafka did not tell where the group is in {self._topic}"
        with _driver.translated(what, options.config, got=options.group):
            stored = self._client.committed(list(partitions), timeout=options.timeout)
            for each in stored:
                if each.error is not None:
                    raise _driver.KafkaException(each.error)
        new = [each.partition for each in stored if each.offset < 0]
        begins = self._new(new) if new else []
        old = [self._here(each.partition, each.offset) for each in stored if each.offset >= 0]
        return old + begins

    def _new(self, numbers: Sequence[int]) -> list[Any]:
        options = self._options
        if options.start == "earliest":
            return [self._here(number, _driver.OFFSET_BEGINNING) for number in numbers]
        if isinstance(options.start, float):
            return self._remembered(self._at(numbers, options.start))
        what = f"Kafka did not tell where {self._topic} ends"
        with _driver.translated(what, options.config, got=self._topic):
            return self._remembered([self._here(number, self._end(number)) for number in numbers])

    def _remembered(self, begins: list[Any]) -> list[Any]:
        """Have the group keep where it began, or it would begin later at its next opening."""
        options = self._options
        what = f"Kafka did not commit where to begin in {self._topic}"
        with _driver.translated(what, options.config, got=options.group):
            for each in self._client.commit(offsets=begins, asynchronous=False):
                if each.error is not None:
                    raise _driver.KafkaException(each.error)
        return begins

    def _at(self, numbers: Sequence[int], moment: float) -> list[Any]:
        """The first messages that are not older than a moment; the end, where there are none."""
        options = self._options
        found = _driver.positions(
            self._client, self._topic, numbers, moment, options.timeout, options.config
        )
        what = f"Kafka did not tell where {self._topic} ends"
        with _driver.translated(what, options.config, got=self._topic):
            return [
                each if each.offset >= 0 else self._here(each.partition, self._end(each.partition))
                for each in found
            ]

    def _end(self, number: int) -> int:
        asked = self._client.get_watermark_offsets(
            self._here(number), timeout=self._options.timeout
        )
        return int(asked[1])

    def _here(self, number: int, offset: int = _driver.OFFSET_STORED) -> Any:
        return _driver.TopicPartition(self._topic, number, offset)
