"""Channels of numbered messages: fed and looked at past the code under test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.aws import queue
from tools.aws_server import KEYS

Client = Callable[[str], Any]


class Channel(ABC):
    """One fresh channel.

    Args:
        name: unlike that of any other.
        url: where the services are.
        client: makes plain clients of boto3.
        folder: an empty one.
    """

    backend: str
    role = "producer"

    def __init__(self, name: str, url: str, client: Client, folder: Path) -> None:
        self.name = name
        self.client = client
        self.folder = folder
        self._found: list[int] = []
        self.aws = {**KEYS, "endpoint_url": url, "timeout": 30}
        self.start()

    @abstractmethod
    def start(self) -> None:
        """Make it."""

    @abstractmethod
    def options(self) -> Mapping[str, Any]:
        """The options of a role on it."""

    def reading(self) -> Mapping[str, Any]:
        """The options that only a consumer has."""
        return {}

    def feed(self, numbers: Iterable[int]) -> None:
        """Put messages in."""
        raise NotImplementedError

    def take(self) -> list[int]:
        """The numbers of the messages that came, and were not taken before."""
        taken, self._found = self._found + self._new(), []
        return taken

    def arrived(self) -> int:
        """How many came and were not taken."""
        self._found += self._new()
        return len(self._found)

    def _new(self) -> list[int]:
        """The numbers of the messages that came since it was last looked."""
        raise NotImplementedError


class FileChannel(Channel):
    """A file of lines."""

    backend = "file"

    def start(self) -> None:
        """Make the file."""
        self.path = self.folder / f"{self.name}.txt"
        self.path.touch()
        self._looked_at = 0

    def options(self) -> Mapping[str, Any]:
        """Its path."""
        return {"path": str(self.path)}

    def reading(self) -> Mapping[str, Any]:
        """A consumer follows it."""
        return {"follow": True}

    def feed(self, numbers: Iterable[int]) -> None:
        """Append lines."""
        with self.path.open("a") as file:
            file.writelines(f"{number}\n" for number in numbers)

    def _new(self) -> list[int]:
        """Read the lines that are new and whole."""
        *lines, _ = self.path.read_bytes().split(b"\n")
        new, self._looked_at = lines[self._looked_at :], len(lines)
        # What a kill cut short is followed by the line that was written again.
        return [int(line) for line in new if line.isdigit()]


class SqsChannel(Channel):
    """A queue whose messages come again two seconds after their consumer died."""

    backend = "sqs"

    def start(self) -> None:
        """Make the queue."""
        attributes = {"VisibilityTimeout": "2"}
        answer = self.client("sqs").create_queue(QueueName=self.name, Attributes=attributes)
        self.url = answer["QueueUrl"]

    def options(self) -> Mapping[str, Any]:
        """The queue by its name."""
        return {**self.aws, "topic": self.name}

    def feed(self, numbers: Iterable[int]) -> None:
        """Send them."""
        bodies = [str(number) for number in numbers]
        for start in range(0, len(bodies), 10):
            run = enumerate(bodies[start : start + 10])
            self.client("sqs").send_message_batch(
                QueueUrl=self.url,
                Entries=[{"Id": str(i), "MessageBody": body} for i, body in run],
            )

    def _new(self) -> list[int]:
        """Receive and delete them."""
        return [int(message.data) for message in queue.take(self.client("sqs"), self.url)]

    def arrived(self) -> int:
        """Only counted: receiving takes longer than sending, and a flow would be done by then."""
        return queue.count(self.client("sqs"), self.url)

    def left(self) -> int:
        """How many are in it, hidden or not."""
        client = self.client("sqs")
        return sum(queue.count(client, self.url, hidden=hidden) for hidden in (False, True))


class SnsChannel(SqsChannel):
    """A topic, and a queue that gets what it delivers."""

    backend = "sns"

    def start(self) -> None:
        """Make both."""
        super().start()
        sns = self.client("sns")
        topic = sns.create_topic(Name=self.name)["TopicArn"]
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=topic.replace(":sns:", ":sqs:"),
            Attributes={"RawMessageDelivery": "true"},
        )


class KinesisChannel(Channel):
    """A stream of two shards, whose leases are in a file."""

    backend = "kinesis"

    def start(self) -> None:
        """Make the stream."""
        self.client("kinesis").create_stream(StreamName=self.name, ShardCount=2)
        self._iterators: dict[str, str] = {}

    def options(self) -> Mapping[str, Any]:
        """The stream by its name."""
        return {**self.aws, "topic": self.name}

    def reading(self) -> Mapping[str, Any]:
        """Whoever starts after a kill waits until the leases of the dead have run out."""
        position = str(self.folder / f"{self.name}.json")
        quick = {"lease_duration": 0.5, "read_interval": 0.02}
        return {"shard_it_type": "TRIM_HORIZON", "position": position, **quick}

    def feed(self, numbers: Iterable[int]) -> None:
        """Put them."""
        records = [{"Data": f"{n}".encode(), "PartitionKey": f"{n}"} for n in numbers]
        answer = self.client("kinesis").put_records(StreamName=self.name, Records=records)
        assert not answer["FailedRecordCount"]

    def _new(self) -> list[int]:
        """Read on in each shard."""
        client, found = self.client("kinesis"), list[int]()
        for shard in client.list_shards(StreamName=self.name)["Shards"]:
            key = shard["ShardId"]
            iterator = self._iterators.get(key) or self._begun(key)
            answer = client.get_records(ShardIterator=iterator)
            self._iterators[key] = answer["NextShardIterator"]
            found += [int(record["Data"]) for record in answer["Records"]]
        return found

    def _begun(self, shard: str) -> str:
        asked = {"StreamName": self.name, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        answer = self.client("kinesis").get_shard_iterator(**asked)
        return str(answer["ShardIterator"])


class S3Channel(Channel):
    """A bucket with an object for each batch."""

    backend = "s3"
    role = "store"

    def start(self) -> None:
        """Make the bucket."""
        self.client("s3").create_bucket(Bucket=self.name)

    def options(self) -> Mapping[str, Any]:
        """A key of each batch's own."""
        return {**self.aws, "aws_bucket": self.name, "key": "batches/{uuid}.txt"}

    def _new(self) -> list[int]:
        """Read and delete the objects."""
        client, found = self.client("s3"), list[int]()
        for each in self._listed():
            body = client.get_object(Bucket=self.name, Key=each["Key"])["Body"].read()
            found += map(int, body.split())
            client.delete_object(Bucket=self.name, Key=each["Key"])
        return found

    def arrived(self) -> int:
        """Told by their sizes, rather too few: a flow would be done when they have been read."""
        return sum(each["Size"] for each in self._listed()) // len("1234\n")

    def _listed(self) -> list[dict[str, Any]]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [each for page in pages for each in page.get("Contents", ())]


SOURCES: dict[str, type[Channel]] = {
    "file": FileChannel,
    "kinesis": KinesisChannel,
    "sqs": SqsChannel,
}
SINKS: dict[str, type[Channel]] = {
    "file": FileChannel,
    "kinesis": KinesisChannel,
    "sqs": SqsChannel,
    "sns": SnsChannel,
    "s3": S3Channel,
}
