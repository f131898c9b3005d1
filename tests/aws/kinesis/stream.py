"""A stream of a server, past the code under test: what tests put into it and do with its shards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from tests.aws.conftest import raw_client
from tests.aws.kinesis.harness import batches
from tools.aws_server import KEYS
from tools.local import until


class Stream:
    """One stream, made anew.

    Args:
        url: of the server.
        name: of the stream.
        shards: how many it has.
    """

    def __init__(self, url: str, name: str, shards: int = 1) -> None:
        self.name = name
        self.url = url
        self.client = raw_client("kinesis", url)
        self.client.create_stream(StreamName=name, ShardCount=shards)
        self.until_active()

    @classmethod
    def there(cls, url: str, name: str) -> Self:
        """One that is there already."""
        stream = cls.__new__(cls)
        stream.name, stream.url, stream.client = name, url, raw_client("kinesis", url)
        return stream

    @staticmethod
    def keys(url: str) -> dict[str, Any]:
        """What leads to its server."""
        return {**KEYS, "endpoint_url": url}

    def close(self) -> None:
        """Delete it."""
        self.client.delete_stream(StreamName=self.name)
        self.client.close()

    @property
    def options(self) -> dict[str, Any]:
        """What leads to it."""
        return {**self.keys(self.url), "topic": self.name}

    @property
    def reading(self) -> dict[str, Any]:
        """What leads a consumer to it and has it read everything, quickly."""
        quick = {"read_interval": 0.02, "lease_duration": 2.0}
        return {**self.options, **quick, "shard_it_type": "TRIM_HORIZON", "codec": "plain"}

    def until_active(self) -> None:
        """Wait until it can be used."""
        until(lambda: self._status() == "ACTIVE", "the stream is active")

    def _status(self) -> str:
        answer = self.client.describe_stream_summary(StreamName=self.name)
        return str(answer["StreamDescriptionSummary"]["StreamStatus"])

    def put(self, texts: Iterable[str], key: str = "key") -> list[str]:
        """Put records of one key; their sequence numbers."""
        return self.put_all([(key, text) for text in texts])

    def put_all(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """Put records of a key and a text each; their sequence numbers."""
        records = [{"Data": text.encode(), "PartitionKey": key} for key, text in pairs]
        numbers = []
        for batch in batches(records):
            answer = self.client.put_records(StreamName=self.name, Records=batch)
            assert not answer["FailedRecordCount"], answer
            numbers += [each["SequenceNumber"] for each in answer["Records"]]
        return numbers

    def shards(self) -> list[dict[str, Any]]:
        """Every shard, as the service lists it."""
        shards: list[dict[str, Any]] = self.client.list_shards(StreamName=self.name)["Shards"]
        return shards

    def open_shards(self) -> list[dict[str, Any]]:
        """The shards that take records, by their hash keys."""
        found = [s for s in self.shards() if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return sorted(found, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))

    def split(self, place: int = 0) -> None:
        """Split an open shard in half."""
        shard = self.open_shards()[place]
        first, last = (
            int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending")
        )
        self.client.split_shard(
            StreamName=self.name,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str((first + last) // 2),
        )
        self.until_active()

    def merge(self, place: int = 0) -> None:
        """Merge an open shard with the next one."""
        one, other = self.open_shards()[place : place + 2]
        self.client.merge_shards(
            StreamName=self.name, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"]
        )
        self.until_active()
