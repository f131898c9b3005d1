"""The only file that calls Kinesis."""

from __future__ import annotations

import datetime
import email.utils
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from geowatch_aws._errors import Refusal, code_of, refused, translated
from geowatch_aws._session import Session
from geowatch_aws.kinesis.checkpoint import LATEST, TIMESTAMP, Checkpoint
from geowatch_aws.kinesis.options import KinesisOptions
from geowatch_aws.kinesis.shard import Shard
from geowatch_core import PermanentError, RetryableError

__all__ = ["Answer", "Client", "Entry", "Stream", "expired", "gone", "seconds", "throttled"]

_MEGABYTE: Final = 1 << 20
_POLL: Final = 0.05
_THROTTLES: Final = frozenset({
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
})  # fmt: skip


class Entry(msgspec.Struct, frozen=True):
    """One record to put."""

    key: str
    data: bytes


class Stream(msgspec.Struct, frozen=True):
    """What the service says of a stream.

    Attributes:
        id: its name and when it was made, which tells it from a later one of that name.
        largest: most bytes of a record, data and key together.
        now: the service's time, in seconds since 1970, cut to a second.
    """

    id: str
    largest: int
    now: float


class Answer(msgspec.Struct, frozen=True):
    """What one read brought.

    Attributes:
        records: as the service gives them.
        next: where to go on; None at the end of a closed shard.
        behind: seconds that the newest record of the shard is ahead of these.
    """

    records: Sequence[dict[str, Any]]
    next: str | None
    behind: float


class Client:
    """One stream.

    Every method raises `RetryableError` or `PermanentError`.

    Args:
        options: of a role.
        calls: most calls at the same time.
    """

    def __init__(self, options: KinesisOptions, calls: int) -> None:
        self._name = options.full_topic
        self._session = Session("kinesis", options, calls=calls)
        self._client = self._session.client
        self._patience = options.timeout

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def delete(self) -> None:
        """Delete the stream, with all that it holds."""
        with translated("delete the stream", self._name):
            self._client.delete_stream(StreamName=self._name)

    def open(self, create: int | None) -> Stream:
        """Look at the stream, once it can be used.

        Args:
            create: with how many shards to make it if it is not there; None if it must be there.
        """
        deadline = time.monotonic() + max(self._patience, 1.0)
        while True:
            try:
                found = self._described()
            except PermanentError as error:
                if create is None or code_of(error.__cause__) != "ResourceNotFoundException":
                    raise
                self._create(create)
                continue
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise RetryableError(
                    "The stream is not ready yet", got=self._name, fix="Wait until it is active."
                )
            time.sleep(_POLL)

    def _described(self) -> Stream | None:
        with translated("describe the stream", self._name):
            answer = self._client.describe_stream_summary(StreamName=self._name)
        about = answer["StreamDescriptionSummary"]
        if about["StreamStatus"] not in ("ACTIVE", "UPDATING"):
            return None
        made = seconds(about["StreamCreationTimestamp"]) or 0.0
        kibibytes = about.get("MaxRecordSizeInKiB", _MEGABYTE // 1024)
        return Stream(f"{self._name}:{int(made)}", kibibytes * 1024, _now(answer))

    def _create(self, shards: int) -> None:
        try:
            with translated("create the stream", self._name):
                self._client.create_stream(StreamName=self._name, ShardCount=shards)
        except RetryableError as error:
            if code_of(error.__cause__) != "ResourceInUseException":
                raise  # otherwise somebody else has created it meanwhile

    def shards(self) -> list[Shard]:
        """Every shard, the closed ones of which something is left included."""
        asked: dict[str, Any] = {"StreamName": self._name}
        shards: list[Shard] = []
        while True:
            with translated("list the shards of the stream", self._name):
                answer = self._client.list_shards(**asked)
            shards += map(_shard, answer["Shards"])
            if not answer.get("NextToken"):
                return shards
            asked = {"NextToken": answer["NextToken"]}

    def begin(self, shard: str, place: Checkpoint, fresh: bool) -> str:
        """An iterator that brings what lies behind a place, or the record there and what follows.

        Args:
            shard: which shard.
            place: where; a record that was dealt with in part or as a whole comes again.
            fresh: whether LATEST is to be taken at its word, as nobody began there before.
        """
        if place.number is not None:
            return self._iterator(shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=place.at)
        if place.time is not None and (place.at == TIMESTAMP or not fresh):
            return self._iterator(shard, TIMESTAMP, Timestamp=place.time)
        return self._iterator(shard, LATEST if place.at == LATEST else place.at)

    def after(self, shard: str, number: str) -> str:
        """An iterator that brings what follows a record."""
        return self._iterator(shard, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number)

    def _iterator(self, shard: str, kind: str, **more: object) -> str:
        with translated("begin to read a shard", f"{self._name} {shard}"):
            answer = self._client.get_shard_iterator(
                StreamName=self._name, ShardId=shard, ShardIteratorType=kind, **more
            )
        return str(answer["ShardIterator"])

    def read(self, shard: str, iterator: str, most: int) -> Answer:
        """The next records of a shard."""
        with translated("read a shard", f"{self._name} {shard}"):
            answer = self._client.get_records(ShardIterator=iterator, Limit=most)
        behind = answer.get("MillisBehindLatest") or 0
        return Answer(answer["Records"], answer.get("NextShardIterator") or None, behind / 1000)

    def put_all(self, entries: Sequence[Entry]) -> list[Refusal | None]:
        """Put records in one call; for each None, or why it was refused."""
        records = [{"Data": entry.data, "PartitionKey": entry.key} for entry in entries]
        with translated("put records", self._name):
            answer = self._client.put_records(StreamName=self._name, Records=records)
        return [self._refused(result) for result in answer["Records"]]

    def _refused(self, result: dict[str, str]) -> Refusal | None:
        code = result.get("ErrorCode")
        if not code:
            return None
        return refused(code, result.get("ErrorMessage", ""), "put a record", self._name)

    def put(self, entry: Entry, after: str | None) -> str:
        """Put one record, behind the one of that sequence number; its own sequence number."""
        order = {} if after is None else {"SequenceNumberForOrdering": after}
        try:
            with translated("put a record", self._name):
                answer = self._client.put_record(
                    StreamName=self._name, Data=entry.data, PartitionKey=entry.key, **order
                )
        except PermanentError as error:
            if after is None or code_of(error.__cause__) != "InvalidArgumentException":
                raise
            # A number that means nothing to the service, as of a stream that was made anew. The
            # record before this one was confirmed, so this one comes behind it all the same.
            return self.put(entry, None)
        return str(answer["SequenceNumber"])


def seconds(time: float | datetime.datetime | None) -> float | None:
    """A time in seconds since 1970: our own client gives that, one that was given gives a date."""
    return time.timestamp() if isinstance(time, datetime.datetime) else time


def throttled(error: Refusal) -> bool:
    """Whether the service asks to be called less often."""
    return code_of(error.__cause__) in _THROTTLES


def expired(error: Refusal) -> bool:
    """Whether an iterator is too old. Five minutes are its life."""
    return code_of(error.__cause__) == "ExpiredIteratorException"


def gone(error: Refusal) -> bool:
    """Whether there is no such stream or shard."""
    return code_of(error.__cause__) == "ResourceNotFoundException"


def _shard(listed: dict[str, Any]) -> Shard:
    parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
    hashes = listed["HashKeyRange"]
    return Shard(
        id=listed["ShardId"],
        parents=tuple(sorted(parent for parent in parents if parent)),
        closed="EndingSequenceNumber" in listed.get("SequenceNumberRange", {}),
        hashes=(hashes["StartingHashKey"], hashes["EndingHashKey"]),
    )


def _now(answer: dict[str, Any]) -> float:
    """The service's time, as its answer says; our own where it does not."""
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return email.utils.parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError):
        return float(int(time.time()))
