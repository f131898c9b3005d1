"""What the conformance kit must know of Kinesis."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar
from unittest import mock

import pytest

from geowatch_core.backend import RoleName
from geowatch_core.message import Message
from geowatch_core.testing import Fault, Harness
from tests.aws.conftest import raw_client
from tests.aws.faults import Entries, broken
from tools.aws_server import KEYS

_SECRETS = {
    "aws_secret_access_key": "canary-secret-7c1f0a2e9b",
    "aws_session_token": "canary-token-51d0b8f3a6",
}


class KinesisHarness(Harness):
    """A stream of moto with one shard, whose leases moto's DynamoDB keeps."""

    backend: ClassVar[str] = "kinesis"
    driver_modules: ClassVar[Sequence[str]] = ("boto3", "botocore", "aws_kinesis_agg")
    patience: ClassVar[float] = 8.0
    silence: ClassVar[float] = 0.4
    many: ClassVar[int] = 200

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.url = self.server()
        self.kinesis = raw_client("kinesis", self.url)
        self._taken = 0

    def server(self) -> str:
        """Where Kinesis is."""
        url: str = self.request.getfixturevalue("moto_url")
        return url

    def start(self) -> None:
        """Make the stream."""
        self.kinesis.create_stream(StreamName=self.unique, ShardCount=1)
        self.kinesis.get_waiter("stream_exists").wait(
            StreamName=self.unique, WaiterConfig={"Delay": 0.05}
        )

    def stop(self) -> None:
        """Delete it."""
        self.kinesis.delete_stream(StreamName=self.unique)
        self.kinesis.close()

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """A group of the stream's own name, and everything quick."""
        options = {**KEYS, **_SECRETS, "topic": self.unique, "endpoint_url": self.url}
        if role == "consumer":
            options |= {"shard_it_type": "TRIM_HORIZON", "read_interval": 0.02}
            options |= {"lease_duration": 1.0, **self.leases()}
        return options

    def leases(self) -> Mapping[str, Any]:
        """Where leases are kept."""
        return {"group": self.unique}

    def secrets(self) -> Mapping[str, str]:
        """The secret key and a token."""
        return _SECRETS

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Put records into the one shard, which these servers keep in order."""
        records = [{"Data": m.data, "PartitionKey": _key_of(m)} for m in messages]
        for batch in batches(records):
            answer = self.kinesis.put_records(StreamName=self.unique, Records=batch)
            assert not answer["FailedRecordCount"]

    def raw_take(self) -> list[Message]:
        """Read the one shard from its beginning."""
        (shard,) = self.kinesis.list_shards(StreamName=self.unique)["Shards"]
        iterator = self.kinesis.get_shard_iterator(
            StreamName=self.unique, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = []
        while found := (answer := self.kinesis.get_records(ShardIterator=iterator))["Records"]:
            records += found
            iterator = answer["NextShardIterator"]
        new = records[self._taken :]
        self._taken = len(records)
        return [Message(each["Data"], each["PartitionKey"].encode()) for each in new]

    def sized(self, size: int) -> Message:
        """Data and partition key count."""
        return Message(b"x" * max(size - 3, 0), key=b"key") if size >= 3 else Message(b"x" * size)

    def break_with(self, fault: Fault) -> AbstractContextManager[object] | None:
        """Have the client fail."""
        operations: dict[str, dict[str, Entries | None]] = {
            "open": {"DescribeStreamSummary": None},
            "consume": {"GetRecords": None},
            "ack": {"UpdateItem": None},
            "deliver": {"PutRecords": RecordEntries("Records")},
        }
        if fault.at not in operations or (fault.at == "consume" and fault.retry_after):
            return None  # a nack asks nothing of anybody; throttled reads are only read more slowly
        context: AbstractContextManager[object] = broken(fault, operations[fault.at])
        return context

    def saturating(self) -> tuple[Mapping[str, Any], int]:
        """A handful."""
        return {"max_unsettled": 5}, 5

    def carries(self, message: Message) -> bool:
        """Whether its key is text, which all that Kinesis knows is."""
        try:
            (message.key or b"").decode()
        except UnicodeDecodeError:
            return False
        return True


class KinesaliteHarness(KinesisHarness):
    """A stream of kinesalite with one shard, whose leases are kept in a file."""

    def server(self) -> str:
        """Where kinesalite is."""
        url: str = self.request.getfixturevalue("kinesalite_url")
        return url

    def leases(self) -> Mapping[str, Any]:
        """A file of this check's own."""
        return {"position": str(self.folder / "leases.json")}

    def break_with(self, fault: Fault) -> AbstractContextManager[object] | None:
        """Have the client fail, or the disk that the file of leases is on."""
        if fault.at != "ack":
            return super().break_with(fault)
        code = errno.ENOSPC if fault.kind == "retryable" else errno.EACCES

        def fail(*_: object, **__: object) -> Any:
            raise OSError(code, os.strerror(code))

        return mock.patch.object(tempfile, "mkstemp", fail)


def batches(records: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut into calls of at most 500 records and 4 MiB."""
    batch: list[dict[str, Any]] = []
    size = 0
    for record in records:
        if len(batch) == 500 or (batch and size + len(record["Data"]) > 4 << 20):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record["Data"])
    if batch:
        yield batch


def _key_of(message: Message) -> str:
    """The partition key as text; for no key, what the documentation says stands for one."""
    if message.key is not None:
        return message.key.decode()
    return hashlib.blake2b(message.data, digest_size=16, person=b"geowatch-kinesis").hexdigest()


class RecordEntries(Entries):
    """The entries of PutRecords, of which an answer has one for each, in order."""

    def failed(
        self, said: dict[str, Any], out: Mapping[int, dict[str, Any]], fault: Fault
    ) -> dict[str, Any]:
        """Failures at the indexes of `out`, and what was said at all others."""
        code = "KMSAccessDeniedException" if fault.kind == "permanent" else "InternalFailure"
        through = iter(said.get("Records", []))
        count = len(out) + len(said.get("Records", []))
        refusal = {"ErrorCode": code, "ErrorMessage": "as asked for"}
        records = [refusal if i in out else next(through) for i in range(count)]
        return {**said, "FailedRecordCount": len(out), "Records": records}
