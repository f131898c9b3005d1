"""The page that GeoWatch began with runs, word for word.

Every Python block of ``getting-started.rst`` is taken from the page as it stands and run against
real servers; then each service is asked by another client what has happened there. Three blocks
show a bare signature: they become calls, by giving some of their parameters a value.
"""

from __future__ import annotations

import json
import threading
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from geowatchutil.broker.base import GeoWatchBroker
from geowatchutil.runtime import provision_producer
from tests.seed.page import blocks, with_values
from tests.seed.services import Aws, KafkaService
from tools.local import until
from tools.slack import SlackServer

KAFKA_CONSUMER, KINESIS_CONSUMER, PRODUCER, FILE_STORE, S3_STORE, MEMCACHED_STORE, BROKER = range(7)


@contextmanager
def warned(*names: str) -> Iterator[None]:
    """Each of these names of 2015 warns once, and nothing else warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    found = [str(each.message).split()[0] for each in caught]
    assert sorted(found) == sorted(f"geowatchutil.{name}" for name in names)


def called(number: int, **values: Any) -> tuple[Any, Any]:
    """What the call in a block returns: client and node."""
    block = with_values(blocks()[number], **{name: repr(each) for name, each in values.items()})
    head, _, call = block.rpartition("\n")
    namespace: dict[str, Any] = {}
    if number == KINESIS_CONSUMER:
        # The page imports the function for Kafka in its block for Kinesis; that much it lacks.
        head += "\nfrom geowatchutil.runtime import provision_consumer_kinesis"
    exec(f"{head}\nresult = {call}", namespace)
    client, node = namespace["result"]
    return client, node


@pytest.fixture
def topic() -> str:
    """A name that nobody else uses."""
    return f"quakes-{uuid.uuid4().hex[:12]}"


def test_every_python_block_of_the_page_is_run_here() -> None:
    """There are seven, and each begins as the name of its constant says."""
    found = blocks()
    starts = (
        ("provision_consumer_kafka(", "import provision_consumer_kafka"),
        ("provision_consumer_kinesis(", "import provision_consumer_kafka"),
        ("provision_producer(", "import provision_producer"),
        ("store_file = ", "import GeoWatchStoreFile"),
        ("store_s3 = ", "import GeoWatchStoreS3"),
        ("store_memcached = ", "import GeoWatchStoreMemcached"),
        ("broker = ", "import GeoWatchBroker"),
    )
    assert len(found) == len(starts)
    for block, texts in zip(found, starts, strict=True):
        assert all(text in block for text in texts)


def test_consumers_of_kafka(kafka: KafkaService, topic: str) -> None:
    """``provision_consumer_kafka`` gives a node that gets what is in the topic."""
    kafka.create(f"test-{topic}")
    kafka.put(f"test-{topic}", "one", "two")
    with warned("runtime.provision_consumer_kafka"):
        client, consumer = called(
            KAFKA_CONSUMER, host=kafka.host, topic=topic, topic_prefix="test-"
        )
    try:
        got: list[str] = []

        def both_came() -> bool:
            got.extend(consumer.get_messages(2, timeout=1))
            return len(got) >= 2

        until(both_came, "both came")
    finally:
        consumer.close()
    assert got == ["one", "two"]
    assert client.backend == "kafka"


def test_consumers_of_kinesis(at_aws: Aws, topic: str) -> None:
    """``provision_consumer_kinesis`` reads one shard, from the latest record on."""
    at_aws.stream(topic)
    at_aws.put_records(topic, "before")
    with warned("runtime.provision_consumer_kinesis"):
        client, consumer = called(
            KINESIS_CONSUMER,
            topic=topic,
            aws_region=at_aws.region,
            aws_access_key_id=at_aws.key,
            aws_secret_access_key=at_aws.secret,
        )
    try:
        sent: list[str] = []
        got: list[str] = []

        def two_came() -> bool:
            # It begins a moment after it was opened: what is put before that, LATEST leaves out.
            sent.append(f"after {len(sent)}")
            at_aws.put_records(topic, sent[-1])
            got.extend(consumer.get_messages(10, timeout=0.5))
            return len(got) >= 2

        until(two_came, "two records came")
    finally:
        consumer.close()
    first = sent.index(got[0])
    assert got == sent[first : first + len(got)]
    assert at_aws.secret not in repr((client, consumer))


def produced(backend: str, *messages: Any, **values: Any) -> None:
    """Run the block about producers for a backend, and send with what it returns."""
    with warned("runtime.provision_producer"):
        client, producer = called(PRODUCER, backend=backend, **values)
    with producer:
        producer.send_message(messages[0])
        producer.send_messages(messages[1:])
    assert client.backend == backend


def test_producers_of_kafka(kafka: KafkaService, topic: str) -> None:
    """With ``topic_check`` the topic is made."""
    produced("kafka", "one", "two", host=kafka.host, topic=topic, topic_check=True)
    assert kafka.texts(topic, 2) == ["one", "two"]


def keys(aws: Aws) -> dict[str, str]:
    """What the page gives to every backend of AWS."""
    return {
        "aws_region": aws.region,
        "aws_access_key_id": aws.key,
        "aws_secret_access_key": aws.secret,
    }


def test_producers_of_kinesis(at_aws: Aws, topic: str) -> None:
    """A list as tab-separated values: a codec that the page names in passing."""
    rows = [["one", "1"], ["two", "2"]]
    produced(
        "kinesis", *rows, topic=topic, topic_check=True, codec="GeoWatchCodecList", **keys(at_aws)
    )
    assert sorted(at_aws.records(topic)) == ["one\t1", "two\t2"]


def test_producers_of_sqs(at_aws: Aws, topic: str) -> None:
    """As GeoJSON."""
    point = {"type": "Point", "coordinates": [-118.667, 34.494]}
    quakes = [
        {"type": "Feature", "geometry": point, "properties": {"mag": mag}} for mag in (4.5, 5.0)
    ]
    url = at_aws.queue(topic)
    produced("sqs", *quakes, topic=topic, codec="GeoWatchCodecGeoJSON", **keys(at_aws))
    got = [json.loads(body) for body in at_aws.bodies(url, 2)]
    assert sorted(got, key=lambda quake: quake["properties"]["mag"]) == quakes


def test_producers_of_sns(at_aws: Aws, topic: str) -> None:
    """What subscribed there hears it."""
    url = at_aws.topic(topic)
    produced("sns", {"n": 1}, {"n": 2}, topic=topic, codec="GeoWatchCodecJSON", **keys(at_aws))
    assert sorted(json.loads(body)["n"] for body in at_aws.bodies(url, 2)) == [1, 2]


@pytest.mark.parametrize("codec", ["GeoWatchCodecPlain", "GeoWatchCodecSlack"])
def test_producers_of_slack(slack: SlackServer, topic: str, codec: str) -> None:
    """By an incoming webhook, as people read it."""
    produced("slack", "A quake", topic=topic, codec=codec, url_webhook=slack.webhook(topic))
    [post] = slack.posts(topic)
    assert "A quake" in json.dumps(post)


def test_producers_of_files(tmp_path: Path) -> None:
    """By their path; two lines."""
    path = tmp_path / "quakes.txt"
    produced("file", "one", "two", path=str(path))
    assert path.read_text() == "one\ntwo\n"


def test_stores_and_the_broker(
    at_aws: Aws, memcached: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three stores, and a broker that writes to all of them: run once, and then for ever.

    The four blocks run one after the other in one namespace, as a reader would type them. While
    the endless loop runs, another thread pushes two messages in, waits, and stops it.
    """
    at_aws.bucket("tilejet")
    namespace: dict[str, Any] = {
        "settings": SimpleNamespace(
            STATS_REQUEST_FILE=str(tmp_path / "stats.json"),
            AWS_REGION=at_aws.region,
            AWS_ACCESS_KEY_ID=at_aws.key,
            AWS_SECRET_ACCESS_KEY=at_aws.secret,
        )
    }
    runs: list[tuple[dict[str, Any], Any]] = []
    run = GeoWatchBroker.run

    def noted(self: GeoWatchBroker, *arguments: Any, **given: Any) -> Any:
        runs.append((given, None))
        report = run(self, *arguments, **given)
        runs[-1] = (given, report)
        return report

    monkeypatch.setattr(GeoWatchBroker, "run", noted)
    ended = threading.Event()
    trouble: list[BaseException] = []

    def user() -> None:
        try:
            until(lambda: len(runs) == 2 or ended.is_set(), "the endless loop runs")
            namespace["broker"].receive_messages([{"tiles": 1}, {"tiles": 2}])
        except BaseException as error:
            trouble.append(error)
        while not ended.wait(0.05):
            if "broker" in namespace:
                namespace["broker"].stop()

    thread = threading.Thread(target=user)
    thread.start()
    try:
        with warned(
            "store.geowatch_store_file.GeoWatchStoreFile",
            "store.geowatch_store_s3.GeoWatchStoreS3",
            "store.geowatch_store_memcached.GeoWatchStoreMemcached",
            "broker.base.GeoWatchBroker",
        ):
            for number in (FILE_STORE, S3_STORE, MEMCACHED_STORE, BROKER):
                exec(blocks()[number].replace("11211", str(memcached)), namespace)
    finally:
        ended.set()
        thread.join()
    assert trouble == []
    [(once, report), (endless, _)] = runs
    assert (once, report.cycles, endless) == ({"max_cycle": 1}, 1, {})
    namespace["broker"].close()
    # which="first": of two messages the first is the document
    assert json.loads((tmp_path / "stats.json").read_text()) == {"tiles": 1}
    assert at_aws.object("tilejet", "final_stats.json") == {"tiles": 1}
    assert json.loads(raw_get(memcached, "stats_tilerequests")) == {"tiles": 1}


def raw_get(port: int, key: str) -> bytes:
    """What memcached says that it holds under a key, by its text protocol."""
    import socket

    with socket.create_connection(("localhost", port), timeout=30) as connection:
        connection.sendall(f"get {key}\r\nquit\r\n".encode())
        answer = b""
        while received := connection.recv(4096):
            answer += received
    head, _, rest = answer.partition(b"\r\n")
    return rest[: int(head.split()[3])]


def test_delete_topic_deletes_it_at_kafka(kafka: KafkaService, topic: str) -> None:
    """In 2015 it returned False: only the server could."""
    with pytest.warns(DeprecationWarning, match="provision_producer"):
        _, producer = provision_producer("kafka", topic=topic, host=kafka.host, topic_check=True)
    with producer:
        assert topic in kafka.topics()
        assert producer.delete_topic()
    until(lambda: topic not in kafka.topics(), "the topic is gone")


@pytest.mark.parametrize("backend", ["kinesis", "sqs", "sns"])
def test_delete_topic_deletes_it_at_aws(at_aws: Aws, topic: str, backend: str) -> None:
    """As boto3 sees it; ``delete_topics`` of the client does so for several."""
    with pytest.warns(DeprecationWarning, match="provision_producer"):
        client, producer = provision_producer(
            backend, topic=topic, topic_check=True, **keys(at_aws)
        )
    with producer:
        assert topic in at_aws.names(backend)
        assert producer.delete_topic()
    until(lambda: topic not in at_aws.names(backend), "it is gone")
    names = [f"{topic}-a", f"{topic}-b"]
    for name in names:
        client.create_topic(name)
    assert client.delete_topics(names)
    until(lambda: not set(names) & at_aws.names(backend), "they are gone")
