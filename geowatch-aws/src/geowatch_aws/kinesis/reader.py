"""Reads one shard, from a place on and to its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from geowatch_aws.kinesis import _driver
from geowatch_aws.kinesis.aggregate import MAGIC, parts
from geowatch_aws.kinesis.checkpoint import LATEST, Checkpoint
from geowatch_aws.kinesis.partition import is_made_up
from geowatch_core import Message, RetryableError
from geowatch_core.errors import PermanentError

__all__ = ["Position", "Reader"]

_log = logging.getLogger(__name__)


class Position(NamedTuple):
    """Where a message was.

    Attributes:
        shard: the shard's id.
        hold: which time that this consumer held the shard's lease.
        number: the record's sequence number.
        sub: the message's number within an aggregated record; 0 in any other.
    """

    shard: str
    hold: int
    number: int
    sub: int


class Reader:
    """What comes from one shard, in order. Not safe for threads.

    Args:
        client: of the stream.
        shard: which shard.
        hold: which time that its lease is held.
        place: how far it was dealt with.
        fresh: whether nobody has begun with it before.
        most: records of one read.

    Attributes:
        ended: whether the shard is closed and was read to its end.
    """

    def __init__(
        self,
        client: _driver.Client,
        shard: str,
        hold: int,
        place: Checkpoint,
        *,
        fresh: bool,
        most: int,
    ) -> None:
        self.ended = False
        self._client = client
        self._shard = shard
        self._hold = hold
        self._place = place
        self._fresh = fresh
        self._most = most
        self._iterator: str | None = None
        self._last: str | None = None

    def begin(self) -> None:
        """Find the place to begin at, where it is now: LATEST must not be the first read.

        A failure is for the first read to tell, which tries again.
        """
        if self._fresh and self._place.at == LATEST:
            with suppress(RetryableError, PermanentError):
                self._iterator = self._begun()

    def read(self) -> tuple[list[Message], int]:
        """The next messages, and how many bytes the service has counted for them.

        Raises:
            RetryableError, PermanentError: nothing was read; the next call goes on.
        """
        if self.ended:
            return [], 0
        try:
            iterator = self._iterator or self._begun()
            answer = self._client.read(self._shard, iterator, self._most)
        except RetryableError as error:
            if not _driver.expired(error):
                raise
            self._iterator = None  # the next one begins behind the last record that was read
            return [], 0
        except PermanentError as error:
            if not self._left(error):
                raise
            self.ended = True
            return [], 0
        messages = [m for record in answer.records for m in self._messages(record)]
        if answer.records:
            self._last = answer.records[-1]["SequenceNumber"]
        self._iterator, self.ended = answer.next, answer.next is None
        return messages, sum(len(record["Data"]) for record in answer.records)

    def _begun(self) -> str:
        if self._last is not None:
            return self._client.after(self._shard, self._last)
        iterator = self._client.begin(self._shard, self._place, self._fresh)
        self._fresh = False  # if this one expires, what came meanwhile must not be skipped
        return iterator

    def _left(self, error: PermanentError) -> bool:
        """Whether the shard has left the stream, with all that was in it."""
        if not _driver.gone(error):
            return False
        if any(shard.id == self._shard for shard in self._client.shards()):
            return False
        _log.error(
            "%s has left the stream before it was read to its end: what it still held is lost. "
            "Keep records for longer (IncreaseStreamRetentionPeriod).",
            self._shard,
        )
        return True

    def _messages(self, record: dict[str, Any]) -> Iterator[Message]:
        number = int(record["SequenceNumber"])
        data = record["Data"]
        time = _driver.seconds(record.get("ApproximateArrivalTimestamp"))
        done = self._place.number
        found = parts(data) if data.startswith(MAGIC) else None
        if found is None:
            if done is not None and (number, 0) <= done:
                return
            key = record["PartitionKey"]
            yield Message(
                data,
                None if is_made_up(key, data) else key.encode(),
                time=time,
                position=Position(self._shard, self._hold, number, 0),
            )
            return
        for sub, (key, part) in enumerate(found):
            if done is None or (number, sub) > done:
                position = Position(self._shard, self._hold, number, sub)
                yield Message(part, key.encode(), time=time, position=position)


def checkpoint_at(position: Position) -> Checkpoint:
    """The place behind a message."""
    return Checkpoint(str(position.number), sub=position.sub)
