"""The producer of a topic: attributes to filter by, sizes, and how a topic is found."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from geowatch_core import (
    CONFIRMED,
    Message,
    OptionsError,
    PermanentError,
    TooLargeError,
    provision,
)
from tests.aws import queue
from tests.aws.faults import Call, intercepted


@attrs.frozen
class Topic:
    """A topic, and a queue that gets what it delivers."""

    sqs: Any
    sns: Any
    name: str
    arn: str
    url: str

    def subscribe(self, **attributes: str) -> None:
        """Have the queue get it."""
        self.sns.subscribe(
            TopicArn=self.arn,
            Protocol="sqs",
            Endpoint=self.arn.replace(":sns:", ":sqs:"),
            Attributes=attributes,
        )


@pytest.fixture
def topic(raw: Callable[..., Any]) -> Topic:
    """A fresh one."""
    name, sqs, sns = f"t-{uuid.uuid4().hex[:12]}", raw("sqs"), raw("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    return Topic(sqs, sns, name, arn, sqs.create_queue(QueueName=name)["QueueUrl"])


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    """A GeoJSON feature."""
    return {"type": "Feature", "geometry": geometry, "properties": properties}


POINT = {"type": "Point", "coordinates": [-117.5, 35.75]}
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[1, 2], [3, 2], [3, 6], [1, 6], [1, 2]]],
}


@pytest.mark.parametrize(
    ("geometry", "place"),
    [
        (POINT, "-117.5 35.75 -117.5 35.75 -117.5 35.75"),
        (SQUARE, "1 2 3 6 2 4"),
        ({"type": "LineString", "coordinates": [[0, 0, 9], [-1.123456, 1]]},
         "-1.12346 0 0 1 -0.56173 0.5"),
        ({"type": "GeometryCollection", "geometries": [POINT, SQUARE]},
         "-117.5 2 3 35.75 -57.25 18.875"),
        ({"type": "Point", "coordinates": [180, 0], "bbox": [170, -10, -170, 10]},
         "170 -10 -170 10 180 0"),
        ({"type": "Point", "coordinates": [-180, 0], "bbox": [175, -10, -165, 10]},
         "175 -10 -165 10 -175 0"),
        ({"type": "Point", "coordinates": []}, ""),
        (None, ""),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_geometry_becomes_attributes(
    topic: Topic, aws: dict[str, Any], geometry: Any, place: str
) -> None:
    """The bounding box and its centre are numbers beside the message, to five decimals."""
    topic.subscribe(RawMessageDelivery="true")
    given = {"topic": topic.name, "codec": "json", "geometry": "geometry", **aws}
    with provision("sns", "producer", **given) as producer:
        assert producer.deliver([Message.of(feature(geometry))]) == [CONFIRMED]
    (got,) = queue.receive(topic.sqs, topic.url)
    attributes = got.get("MessageAttributes", {})
    names = ("west", "south", "east", "north", "lon", "lat")
    assert (
        " ".join(attributes[name]["StringValue"] for name in names if name in attributes) == place
    )
    assert {each["DataType"] for each in attributes.values()} <= {"Number"}


def test_values_become_attributes(topic: Topic, aws: dict[str, Any]) -> None:
    """Texts, numbers, truths and lists become attributes of their types; nothing becomes none."""
    topic.subscribe(RawMessageDelivery="true")
    value = feature(None, net="us", mag=4.6, felt=True, ids=["a", 1], nothing=None, empty="")
    names = ("net", "mag", "felt", "ids", "nothing", "empty", "missing")
    paths = {name: f"properties.{name}" for name in names}
    given = {"topic": topic.name, "codec": "json", "attributes": paths, **aws}
    with provision("sns", "producer", **given) as producer:
        producer.deliver([Message.of(value)])
    (got,) = queue.receive(topic.sqs, topic.url)
    kinds = {n: (a["DataType"], a["StringValue"]) for n, a in got["MessageAttributes"].items()}
    assert kinds == {
        "net": ("String", "us"),
        "mag": ("Number", "4.6"),
        "felt": ("String", "true"),
        "ids": ("String.Array", '["a", 1]'),
    }


def test_subscribers_filter_on_the_server(topic: Topic, aws: dict[str, Any]) -> None:
    """A subscription with a filter policy gets what is strong and in its box, and nothing else."""
    policy = {
        "mag": [{"numeric": [">=", 4.5]}],
        "lon": [{"numeric": [">", -120, "<", -110]}],
    }
    topic.subscribe(RawMessageDelivery="true", FilterPolicy=json.dumps(policy))
    elsewhere = {"type": "Point", "coordinates": [10, 50]}
    values = [
        feature(POINT, mag=4.6, id=1),
        feature(POINT, mag=4.4, id=2),
        feature(elsewhere, mag=6.0, id=3),
        feature(POINT, mag=5, id=4),
    ]
    more = {"geometry": "geometry", "attributes": {"mag": "properties.mag"}}
    with provision("sns", "producer", topic=topic.name, codec="json", **more, **aws) as producer:
        assert producer.deliver(list(map(Message.of, values))) == [CONFIRMED] * 4
    got = [json.loads(message.data) for message in queue.take(topic.sqs, topic.url)]
    assert sorted(each["properties"]["id"] for each in got) == [1, 4]


def test_attributes_count_for_the_size(topic: Topic, aws: dict[str, Any]) -> None:
    """A message that fits only without its attributes is refused by us, and its neighbour sent."""
    topic.subscribe(RawMessageDelivery="true")
    limit = 256 << 10
    name = "n" * 100
    value = "v" * 1000
    overhead = len(json.dumps({"v": value, "pad": ""}, separators=(",", ":")))
    sizes = [limit - 100 - 6 - 1000 - overhead + more for more in (0, 1)]
    given = {"topic": topic.name, "codec": "json", "attributes": {name: "v"}, **aws}
    with provision("sns", "producer", **given) as producer:
        outcomes = producer.deliver([Message.of({"v": value, "pad": "x" * n}) for n in sizes])
    assert outcomes[0] is CONFIRMED
    assert isinstance(outcomes[1], TooLargeError)
    assert len(queue.take(topic.sqs, topic.url)) == 1


def test_a_batch_is_no_larger_than_a_message_may_be(topic: Topic, aws: dict[str, Any]) -> None:
    """Messages that are together larger than one may be go in several calls."""
    topic.subscribe(RawMessageDelivery="true")
    sizes: list[int] = []

    def call(true: Call, client: Any, operation: str, given: Any) -> Any:
        sizes.append(sum(len(each["Message"]) for each in given["PublishBatchRequestEntries"]))
        return true(client, operation, given)

    messages = [Message(bytes([97 + i]) * 100_000) for i in range(7)]
    with (
        provision("sns", "producer", topic=topic.arn, **aws) as producer,
        intercepted({"PublishBatch": call}),
    ):
        assert producer.deliver(messages) == [CONFIRMED] * 7
    assert max(sizes) <= 256 << 10
    assert len(sizes) == 4
    assert len(queue.take(topic.sqs, topic.url)) == 7


def test_a_subject_goes_with_the_message(topic: Topic, aws: dict[str, Any]) -> None:
    """The subject is in the envelope of subscribers that do not get messages raw."""
    topic.subscribe()
    with provision("sns", "producer", topic=topic.name, subject="Quake!", **aws) as producer:
        producer.deliver([Message(b"M 4.6")])
    (got,) = queue.receive(topic.sqs, topic.url)
    envelope = json.loads(got["Body"])
    assert (envelope["Subject"], envelope["Message"]) == ("Quake!", "M 4.6")


def test_a_missing_topic_is_said_and_made_on_request(
    topic: Topic, aws: dict[str, Any], raw: Callable[..., Any]
) -> None:
    """Without topic_check a missing topic is an error that says what to do; with it, it is made."""
    name = f"new-{topic.name}"
    with pytest.raises(PermanentError, match=f"no such topic.*{name}.*topic_check"):
        provision("sns", "producer", topic=name, **aws)
    given = {"topic": topic.name, "topic_prefix": "new-", "topic_check": True}
    with provision("sns", "producer", **given, **aws) as producer:
        assert producer.deliver([Message(b"first")]) == [CONFIRMED]
    arns = [each["TopicArn"] for each in raw("sns").list_topics()["Topics"]]
    assert topic.arn.replace(topic.name, name) in arns


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"attributes": {"aws.mag": "mag"}}, "cannot be the name of an attribute"),
        ({"attributes": {"west": "x"}, "geometry": "geometry"}, "a name that geometry gives too"),
        ({"attributes": {f"n{i}": "x" for i in range(10)}}, "at most 9 message attributes"),
        ({"attributes": ["mag"]}, "Expected a table of paths"),
        ({"subject": "line\nbreak"}, "printable ASCII"),
        ({"topic": "arn:aws:sns:us-east-1:1:t", "topic_prefix": "a-"}, "topic_prefix does not go"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_options_that_cannot_be_are_refused(given: Mapping[str, Any], said: str) -> None:
    """A mistake is found before anything is opened, and says what is wrong."""
    with pytest.raises(OptionsError, match=said):
        provision("sns", "producer", **{"topic": "t", **given})
