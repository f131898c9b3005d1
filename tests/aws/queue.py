"""A queue of SQS, looked at with boto3 alone."""

from __future__ import annotations

import json
import math
import uuid
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from geowatch_core.message import Message


def put(client: Any, url: str, messages: Sequence[Message]) -> None:
    """Send messages, as the documentation of the backend says that they lie in a queue."""
    entries = [entry(message, fifo=url.endswith(".fifo")) for message in messages]
    size = 10 if sum(len(each["MessageBody"]) for each in entries) < 1 << 18 else 1
    for start in range(0, len(entries), size):
        run = [{**each, "Id": str(i)} for i, each in enumerate(entries[start : start + size])]
        assert not client.send_message_batch(QueueUrl=url, Entries=run).get("Failed")


def entry(message: Message, *, fifo: bool) -> dict[str, Any]:
    """An entry of a batch."""
    body, coded = written(message.data)
    beside = {
        **({"key": b64encode(message.key).decode()} if message.key is not None else {}),
        **({"headers": coded_headers(message)} if message.headers else {}),
        **({"time": message.time} if message.time is not None else {}),
        **({"base64": True} if coded else {}),
    }
    made: dict[str, Any] = {"MessageBody": body}
    if beside or fifo:
        value = {"DataType": "String", "StringValue": json.dumps(beside)}
        made["MessageAttributes"] = {"geowatch": value}
    if fifo:
        # Without a key each is of a group of its own: a consumer has but one batch of a group.
        group = uuid.uuid4().hex if message.key is None else message.key.hex()[:128]
        made |= {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex}
    return made


def written(data: bytes) -> tuple[str, bool]:
    """The body of these bytes, and whether it is base64."""
    if data and data.isascii() and data.decode().isprintable():
        return data.decode(), False
    return b64encode(data).decode() or " ", True


def coded_headers(message: Message) -> list[list[str]]:
    """Headers as they lie in the attribute."""
    return [[name, b64encode(value).decode()] for name, value in message.headers]


def take(client: Any, url: str, most: float = math.inf) -> list[Message]:
    """Receive and delete what is there, and no more once there are `most`."""
    taken: list[Message] = []
    while len(taken) < most and (got := receive(client, url)):
        taken += map(read, got)
        entries = [
            {"Id": str(i), "ReceiptHandle": each["ReceiptHandle"]} for i, each in enumerate(got)
        ]
        client.delete_message_batch(QueueUrl=url, Entries=entries)
    return taken


def receive(client: Any, url: str, wait: int = 0) -> list[dict[str, Any]]:
    """At most ten messages as boto3 gives them."""
    answer = client.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=wait,
        MessageAttributeNames=["All"],
        AttributeNames=["All"],
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def read(given: dict[str, Any]) -> Message:
    """A message as the documentation of the backend says that it lies in a queue."""
    attribute = given.get("MessageAttributes", {}).get("geowatch")
    beside = json.loads(attribute["StringValue"]) if attribute else {}
    body = given["Body"]
    return Message(
        b64decode(body.strip()) if beside.get("base64") else body.encode(),
        b64decode(beside["key"]) if "key" in beside else None,
        tuple((name, b64decode(value)) for name, value in beside.get("headers", ())),
        beside.get("time"),
    )


def count(client: Any, url: str, *, hidden: bool = False) -> int:
    """How many messages wait, or how many are received and not deleted."""
    name = f"ApproximateNumberOfMessages{'NotVisible' if hidden else ''}"
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])
