"""A queue of SQS, looked at with boto3 alone."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from geowatch_core.message import Message


def put(client: Any, url: str, messages: Sequence[Message]) -> None:
    """Send each message, as the documentation of the backend says that it lies in a queue."""
    fifo = url.endswith(".fifo")
    for index, message in enumerate(messages):
        more: dict[str, Any] = {}
        body, coded = written(message.data)
        beside = {
            **({"key": b64encode(message.key).decode()} if message.key is not None else {}),
            **({"headers": coded_headers(message)} if message.headers else {}),
            **({"time": message.time} if message.time is not None else {}),
            **({"base64": True} if coded else {}),
        }
        if beside:
            value = {"DataType": "String", "StringValue": json.dumps(beside)}
            more["MessageAttributes"] = {"geowatch": value}
        if fifo:
            group = "geowatch" if message.key is None else message.key.hex()[:128]
            more |= {"MessageGroupId": group, "MessageDeduplicationId": f"{id(messages)}-{index}"}
        client.send_message(QueueUrl=url, MessageBody=body, **more)


def written(data: bytes) -> tuple[str, bool]:
    """The body of these bytes, and whether it is base64."""
    if data and data.isascii() and data.decode().isprintable():
        return data.decode(), False
    return b64encode(data).decode(), True


def coded_headers(message: Message) -> list[list[str]]:
    """Headers as they lie in the attribute."""
    return [[name, b64encode(value).decode()] for name, value in message.headers]


def take(client: Any, url: str) -> list[Message]:
    """Receive and delete everything that is there."""
    taken: list[Message] = []
    while got := receive(client, url):
        for each in got:
            taken.append(read(each))
            client.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
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
        b64decode(body) if beside.get("base64") else body.encode(),
        b64decode(beside["key"]) if "key" in beside else None,
        tuple((name, b64decode(value)) for name, value in beside.get("headers", ())),
        beside.get("time"),
    )


def count(client: Any, url: str, *, hidden: bool = False) -> int:
    """How many messages wait, or how many are received and not deleted."""
    name = f"ApproximateNumberOfMessages{'NotVisible' if hidden else ''}"
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])
