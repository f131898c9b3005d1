"""The services that the page names, and each as another client than ours sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from geowatch_aws._session import _loader
from tools.aws_server import KEYS
from tools.local import until


class Aws:
    """All of AWS, at moto."""

    region = KEYS["aws_region"]
    key = KEYS["aws_access_key_id"]
    secret = KEYS["aws_secret_access_key"]

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def client(self, service: str) -> Iterator[Any]:
        """A plain client of boto3."""
        session = botocore.session.Session()
        session.register_component("data_loader", _loader())  # only so that making it is quick
        client = boto3.Session(botocore_session=session).client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=Config(retries={"mode": "standard"}),
        )
        try:
            yield client
        finally:
            client.close()

    def stream(self, name: str) -> None:
        """Make a stream of one shard."""
        with self.client("kinesis") as kinesis:
            kinesis.create_stream(StreamName=name, ShardCount=1)
            until(
                lambda: (
                    kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamStatus"]
                    == "ACTIVE"
                ),
                "the stream is there",
            )

    def put_records(self, name: str, *texts: str) -> None:
        """Put records into a stream."""
        with self.client("kinesis") as kinesis:
            for text in texts:
                kinesis.put_record(StreamName=name, Data=text.encode(), PartitionKey="key")

    def records(self, name: str) -> list[str]:
        """All that a stream of one shard holds."""
        with self.client("kinesis") as kinesis:
            [shard] = kinesis.list_shards(StreamName=name)["Shards"]
            iterator = kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found = kinesis.get_records(ShardIterator=iterator)["Records"]
        return [record["Data"].decode() for record in found]

    def queue(self, name: str) -> str:
        """Make a queue; its URL."""
        with self.client("sqs") as sqs:
            url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
            return url

    def bodies(self, url: str, count: int) -> list[str]:
        """So many bodies that a queue holds, taken out of it."""
        found: list[str] = []
        deadline = time.monotonic() + 60
        with self.client("sqs") as sqs:
            while len(found) < count and time.monotonic() < deadline:
                answer = sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1
                )
                for message in answer.get("Messages", ()):
                    found.append(message["Body"])
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def topic(self, name: str) -> str:
        """Make a topic of SNS, and a queue that hears what is published there; the queue's URL."""
        url = self.queue(f"{name}-heard")
        with self.client("sqs") as sqs:
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        with self.client("sns") as sns:
            arn = sns.create_topic(Name=name)["TopicArn"]
            sns.subscribe(
                TopicArn=arn,
                Protocol="sqs",
                Endpoint=attributes["Attributes"]["QueueArn"],
                Attributes={"RawMessageDelivery": "true"},
            )
        return url

    def names(self, service: str) -> set[str]:
        """The names of its streams, queues or topics; what is being deleted counts as gone."""
        with self.client(service) as client:
            if service == "kinesis":
                return {
                    name
                    for name in client.list_streams()["StreamNames"]
                    if client.describe_stream(StreamName=name)["StreamDescription"]["StreamStatus"]
                    != "DELETING"
                }
            if service == "sqs":
                found = client.list_queues().get("QueueUrls", ())
                return {url.rpartition("/")[2] for url in found}
            return {each["TopicArn"].rpartition(":")[2] for each in client.list_topics()["Topics"]}

    def bucket(self, name: str) -> None:
        """Make a bucket."""
        with self.client("s3") as s3:
            s3.create_bucket(Bucket=name)

    def object(self, bucket: str, key: str) -> Any:
        """What the JSON of an object says."""
        with self.client("s3") as s3:
            return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


class KafkaService:
    """Kafka, as its own client sees it."""

    def __init__(self, host: str) -> None:
        self.host = host

    def create(self, topic: str) -> None:
        """Make a topic."""
        admin = AdminClient({"bootstrap.servers": self.host})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)

    def topics(self) -> set[str]:
        """The names of all topics."""
        return set(AdminClient({"bootstrap.servers": self.host}).list_topics(timeout=30).topics)

    def put(self, topic: str, *texts: str) -> None:
        """Put messages into a topic."""
        producer = Producer({"bootstrap.servers": self.host})
        for text in texts:
            producer.produce(topic, text.encode())
        assert producer.flush(60) == 0

    def texts(self, topic: str, count: int) -> list[str]:
        """The first messages of a topic."""
        settings = {"bootstrap.servers": self.host, "group.id": f"reads-{topic}"}
        reader = Consumer({**settings, "auto.offset.reset": "earliest"})
        found: list[str] = []
        deadline = time.monotonic() + 60
        try:
            reader.subscribe([topic])
            while len(found) < count and time.monotonic() < deadline:
                message = reader.poll(1)
                if message is not None and message.error() is None:
                    found.append(message.value().decode())
        finally:
            reader.close()
        return found
