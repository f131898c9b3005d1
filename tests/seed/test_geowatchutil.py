"""The names of 2015 do what they did, on today's library."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import geowatch_core
from geowatch_core import Broker, BrokerStoppedError, DecodeError, Message, UnknownNameError
from geowatch_core.memory import _driver as memory
from geowatch_core.registry import BACKENDS, REGISTRY
from geowatchutil.broker.base import GeoWatchBroker
from geowatchutil.node.base import GeoWatchNode
from geowatchutil.runtime import (
    provision_broker,
    provision_brokers,
    provision_consumer,
    provision_consumer_file,
    provision_consumer_kafka,
    provision_duplex,
    provision_node,
    provision_producer,
    provision_store,
)
from geowatchutil.store.geowatch_store_file import GeoWatchStoreFile
from tests.seed.page import blocks, parameters, signature

pytestmark = pytest.mark.filterwarnings("ignore:geowatchutil:DeprecationWarning")


def put(topic: str, *texts: str) -> None:
    """Put messages into a topic of memory, past geowatchutil."""
    memory.topic(topic).put([Message(text.encode()) for text in texts], None)


def held(topic: str) -> list[str]:
    """What a topic of memory has ready, taken out of it past geowatchutil."""
    found = memory.topic(topic).take(set(), lambda: 1 << 30, 0, None)
    memory.topic(topic).settle([message.position for message in found])
    return [message.data.decode() for message in found]


def consumer(topic: str = "in", **more: Any) -> GeoWatchNode:
    """A consumer of memory."""
    return provision_consumer("memory", topic=topic, until_empty=True, **more)[1]


def producer(topic: str = "out", **more: Any) -> GeoWatchNode:
    """A producer of memory."""
    return provision_producer("memory", topic=topic, **more)[1]


# --- signatures and warnings --------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 2])
def test_signatures_and_defaults_are_those_of_the_page(number: int) -> None:
    """Read off the page itself."""
    name, expected = signature(blocks()[number])
    runtime = importlib.import_module("geowatchutil.runtime")
    assert parameters(getattr(runtime, name)) == expected


USES = {
    "runtime.provision_consumer": lambda folder: consumer().close(),
    "runtime.provision_consumer_file": lambda folder: (
        (folder / "in.txt").touch(),
        provision_consumer_file(str(folder / "in.txt"))[1].close(),
    ),
    "runtime.provision_producer": lambda folder: producer().close(),
    "runtime.provision_duplex": lambda folder: provision_duplex("memory", topic="t")[1].close(),
    "runtime.provision_node": lambda folder: provision_node("memory", "producer", topic="t")[
        1
    ].close(),
    "runtime.provision_store": lambda folder: provision_store("memory", "key", "json").close(),
    "runtime.provision_brokers": lambda folder: provision_brokers([]),
    "store.geowatch_store_file.GeoWatchStoreFile": lambda folder: GeoWatchStoreFile(
        str(folder / "s.json"), "json"
    ).close(),
    "store.factory.build_store": lambda folder: (
        factory("store").build_store("memory", "key", "json").close()
    ),
    "store.factory.provision_store": lambda folder: (
        factory("store").provision_store("memory", "key", "json").close()
    ),
    "consumer.factory.build_consumer": lambda folder: (
        factory("consumer").build_consumer("memory", "t")[1].close()
    ),
    "producer.factory.build_producer": lambda folder: (
        factory("producer").build_producer("memory", "t")[1].close()
    ),
    "codec.factory.build_codec": lambda folder: factory("codec").build_codec("GeoWatchCodecList"),
    "broker.base.GeoWatchBroker": lambda folder: GeoWatchBroker(),
    "base.GeoWatchError": lambda folder: importlib.import_module("geowatchutil.base").GeoWatchError,
}
"""One use of each name that needs no service."""


def factory(kind: str) -> Any:
    """One of the factory modules."""
    return importlib.import_module(f"geowatchutil.{kind}.factory")


@pytest.mark.parametrize("name", USES)
def test_each_name_warns_once_where_it_is_used(name: str, tmp_path: Path) -> None:
    """And says what to write today; a second use is silent."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        USES[name](tmp_path)
        USES[name](tmp_path)
    texts = [str(each.message) for each in caught]
    assert all(each.category is DeprecationWarning for each in caught)
    assert len(texts) == len(set(texts))
    (mine,) = [each for each in caught if f"geowatchutil.{name} is a name of 2015" in str(each)]
    assert "write " in str(mine.message)
    if name != "base.GeoWatchError":  # found by Python's own machinery, on the way to this file
        assert mine.filename == __file__


def test_two_names_warn_of_broker_and_factory() -> None:
    """``build_broker`` makes a GeoWatchBroker, and each of the names is told."""
    with pytest.warns(DeprecationWarning, match="is a name of 2015") as caught:
        factory("broker").build_broker("name", "description")
    assert [str(each.message).split()[0] for each in caught] == [
        "geowatchutil.broker.factory.build_broker",
        "geowatchutil.broker.base.GeoWatchBroker",
    ]


def test_importing_geowatchutil_imports_no_driver_and_warns_of_nothing() -> None:
    """With warnings as errors."""
    program = (
        "import geowatchutil.runtime, geowatchutil.broker.base, geowatchutil.store.factory\n"
        "import geowatchutil.store.geowatch_store_s3, geowatchutil.store.geowatch_store_memcached\n"
        "import sys; print([m for m in sys.modules if m in "
        "('boto3', 'confluent_kafka', 'pymemcache', 'slack_sdk', 'django')])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_an_unknown_old_name_is_still_an_error() -> None:
    """``base`` gives nothing but what it names."""
    with pytest.raises(AttributeError, match="no attribute 'GeoWatchModeError'"):
        importlib.import_module("geowatchutil.base").GeoWatchModeError  # noqa: B018 - it is looked up


def test_an_error_of_2015_catches_errors_of_today() -> None:
    """It is the base of all of them."""
    found = importlib.import_module("geowatchutil.base").GeoWatchError
    assert found is geowatch_core.GeoWatchError


@pytest.mark.parametrize(
    ("backend", "role", "arguments"),
    [
        ("kafka", "consumer", lambda: provision_consumer_kafka(topic="t", host="localhost")),
        ("kinesis", "producer", lambda: provision_producer("kinesis", topic="t")),
        ("sqs", "producer", lambda: provision_producer("sqs", topic="t")),
        ("sns", "producer", lambda: provision_producer("sns", topic="t")),
        ("slack", "producer", lambda: provision_producer("slack", topic="t")),
        ("s3", "store", lambda: provision_store("s3", "key", "json")),
        ("memcached", "store", lambda: provision_store("memcached", "key", "json")),
    ],
)
def test_a_backend_that_is_missing_says_which_extra_to_install(
    backend: str, role: str, arguments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name that pip takes."""
    REGISTRY.backend_names()
    assert REGISTRY._entries is not None
    known = {k: v for k, v in REGISTRY._entries[BACKENDS].items() if k in ("file", "memory")}
    monkeypatch.setitem(REGISTRY._entries, BACKENDS, known)
    monkeypatch.delitem(REGISTRY._backends, backend, raising=False)
    with pytest.raises(UnknownNameError, match=rf'pip install "geowatch-core\[{backend}\]"'):
        arguments()


# --- nodes --------------------------------------------------------------------------------------


def test_provisioning_returns_a_client_and_a_node_that_gets_messages() -> None:
    """As many as were asked for, decoded."""
    put("test-in", "one", "two", "three")
    client, node = provision_consumer("memory", topic="in", topic_prefix="test-")
    assert (client.backend, client.topic_prefix, node.mode, node.topic) == (
        "memory",
        "test-",
        "consumer",
        "in",
    )
    assert node.get_messages(2) == ["one", "two"]
    assert node.get_messages(2, timeout=0.1) == ["three"]
    assert node.get_messages(2, block=False) == []
    node.close()
    assert len(memory.topic("test-in")) == 0


def test_a_client_is_given_on_to_the_next_node() -> None:
    """With the options of its connection."""
    client, node = provision_producer("memory", topic="a", topic_prefix="test-")
    _, other = provision_producer("memory", topic="b", client=client, topic_prefix=None)
    node.send_message("to a")
    other.send_message("to b")
    node.close()
    other.close()
    assert (held("test-a"), held("test-b")) == (["to a"], ["to b"])


def test_messages_are_settled_when_the_next_are_asked_for_or_at_close() -> None:
    """What its process was dealing with when it died comes again."""
    put("in", "one", "two", "three")
    node = consumer()
    assert node.get_messages(1) == ["one"]
    assert node.get_messages(1) == ["two"]
    assert len(memory.topic("in")) == 2  # "one" is settled
    node.close()
    assert held("in") == ["three"]


def test_a_node_that_is_left_with_an_error_gives_back_what_it_gave() -> None:
    """As a context manager."""
    put("in", "one")
    with suppress(ZeroDivisionError), consumer() as node:
        node.get_messages(1)
        raise ZeroDivisionError
    assert held("in") == ["one"]


def test_messages_that_do_not_decode_come_again() -> None:
    """They are not settled by asking for more."""
    put("in", "not json")
    node = consumer(codec="GeoWatchCodecJSON")
    for _ in range(2):
        with pytest.raises(DecodeError):
            node.get_messages(1)
    node.close()
    assert held("in") == ["not json"]


def test_send_messages_returns_when_all_are_confirmed() -> None:
    """With the codec of the long name."""
    node = producer(codec="GeoWatchCodecList")
    node.send_messages([["a", "b"], ["c"]])
    node.send_message(["d"])
    node.close()
    assert held("out") == ["a\tb", "c", "d"]


def test_what_cannot_be_sent_is_an_error() -> None:
    """In 2015 it was printed, or not even that."""
    with producer(codec="GeoWatchCodecPlain") as node, pytest.raises(BrokerStoppedError):
        node.send_message({"no": "text"})


def test_a_node_of_the_wrong_mode_says_so() -> None:
    """A producer has nothing to get."""
    with producer() as node, pytest.raises(TypeError, match="mode 'producer' cannot do this"):
        node.get_messages(1)


def test_a_duplex_node_does_both() -> None:
    """On one topic."""
    _, node = provision_duplex("memory", topic="t", codec="json", until_empty=True)
    node.send_message({"a": 1})
    assert node.get_messages(1) == [{"a": 1}]
    node.close()


def test_delete_topic_deletes_it_with_all_that_it_holds() -> None:
    """By the node, and by the client for several."""
    put("in", "one")
    client, node = provision_consumer("memory", topic="in")
    assert node.delete_topic()
    node.close()
    assert held("in") == []
    put("a", "one")
    put("b", "one")
    assert client.create_topic("a")
    assert client.delete_topics(["a", "b"])
    assert held("a") + held("b") == []


def test_a_backend_that_deletes_no_topic_says_no(tmp_path: Path) -> None:
    """As Kafka's did in 2015."""
    _, node = provision_producer("file", path=str(tmp_path / "out.txt"))
    assert not node.delete_topic()
    node.close()


def test_a_file_is_read_and_written_by_its_path(tmp_path: Path) -> None:
    """Topic and prefix mean nothing to it, as before."""
    path = str(tmp_path / "messages.txt")
    _, node = provision_producer("file", path=path)
    node.send_messages(["one", "two"])
    node.close()
    _, reader = provision_consumer_file(path)
    assert reader.get_messages(5) == ["one", "two"]
    reader.close()


# --- stores -------------------------------------------------------------------------------------


def test_a_file_store_writes_the_first_message_as_one_document(tmp_path: Path) -> None:
    """``which="first"``, as on the page; what the file holds is what ``read`` gives."""
    path = tmp_path / "stats.json"
    store = GeoWatchStoreFile(str(path), "GeoWatchCodecJSON", which="first")
    store.write_messages([{"a": 1}, {"b": 2}], flush=True)
    assert json.loads(path.read_text()) == {"a": 1}
    assert store.read() == [{"a": 1}]
    assert (store.backend, store.key, store.which) == ("file", str(path), "first")
    store.close()


def test_a_store_keeps_messages_until_flush_and_close_loses_none(tmp_path: Path) -> None:
    """In 2015 ``close`` did nothing, and what was kept was gone."""
    path = tmp_path / "stats.json"
    with GeoWatchStoreFile(str(path), "json", which="index", which_index="1") as store:
        store.write_message(1)
        store.write_message(2)
        assert not path.exists()
        store.flush()
        assert json.loads(path.read_text()) == 2
        store.write_messages([3, 4])
    assert json.loads(path.read_text()) == 4


def test_a_store_that_cannot_write_keeps_what_it_has(tmp_path: Path) -> None:
    """The error is raised, and the next flush tries again."""
    store = GeoWatchStoreFile(str(tmp_path / "stats.txt"), "GeoWatchCodecPlain")
    store.write_message({"no": "text"})
    for _ in range(2):
        with pytest.raises(BrokerStoppedError):
            store.flush()
    store._buffer.clear()
    store.close()


# --- brokers ------------------------------------------------------------------------------------


class Counting(GeoWatchBroker):
    """A broker with its own code around each cycle, as in 2015."""

    def __init__(self, **given: Any) -> None:
        super().__init__("counting", "Counts", **given)
        self.before = 0
        self.after: list[list[Any]] = []

    def _pre(self) -> None:
        self.before += 1

    def _post(self, messages: list[Any] | None = None) -> None:
        self.after.append(messages or [])


def test_a_broker_moves_messages_between_nodes_and_stores(tmp_path: Path) -> None:
    """``_pre`` and ``_post`` are called around each cycle, with values."""
    put("in", '{"n": 1}', '{"n": 2}')
    path = tmp_path / "last.json"
    broker = Counting(
        consumers=[consumer(codec="json")],
        producers=[producer(codec="GeoWatchCodecJSON")],
        stores_out=[GeoWatchStoreFile(str(path), "json", which="first")],
        sleep_period=0,
        timeout=0.1,
    )
    assert broker.run(max_cycle=1).delivered == 1
    assert json.loads(path.read_text()) == {"n": 1}
    assert broker.run().delivered == 1
    broker.close()
    assert held("out") == ['{"n": 1}', '{"n": 2}']
    assert json.loads(path.read_text()) == {"n": 2}
    assert [values for values in broker.after if values] == [[{"n": 1}], [{"n": 2}]]
    assert broker.before == len(broker.after)


def test_a_broker_runs_once_and_then_for_ever() -> None:
    """The channels stay open in between, until ``close``."""
    broker = GeoWatchBroker(producers=[producer(codec="json")], sleep_period=0.01, timeout=0.01)
    broker.run(max_cycle=1)
    thread = threading.Thread(target=broker.run)
    thread.start()
    broker.receive_message({"n": 1})
    while thread.is_alive():
        broker.stop()
        thread.join(0.05)
    broker.close()
    assert held("out") == ['{"n":1}']


def test_a_broker_filters_by_metadata_and_can_be_told_not_to() -> None:
    """In 2015 the filter looked at the list of messages, and let everything pass."""
    broker = Counting(producers=[producer(codec="json")], filter_metadata={"kind": ["quake"]})
    messages = [{"metadata": {"kind": kind}, "data": n} for n, kind in enumerate(["quake", "tide"])]
    broker.receive_messages(messages)
    assert [json.loads(text)["data"] for text in held("out")] == [0]
    broker.receive_messages(messages, filter_messages=False)
    assert [json.loads(text)["data"] for text in held("out")] == [0, 1]
    assert [len(values) for values in broker.after] == [1, 2]
    broker.close()


def test_a_cycle_without_delivery_still_calls_post() -> None:
    """``run_cycle_out=False``."""
    put("in", "one")
    broker = Counting(consumers=[consumer()], producers=[producer()], timeout=0.1, sleep_period=0)
    broker.run(run_cycle_out=False)
    broker.close()
    assert broker.after[0] == ["one"]
    assert held("out") == []


def test_a_broker_reads_stores_and_duplex_nodes(tmp_path: Path) -> None:
    """A store once for each run; a duplex node never hears itself."""
    path = tmp_path / "in.json"
    path.write_text("[1, 2]")
    _, node = provision_duplex("memory", topic="talk", codec="json", until_empty=True)
    broker = GeoWatchBroker(
        stores_in=[GeoWatchStoreFile(str(path), "json")],
        duplex=[node],
        count=10,
        sleep_period=0,
        timeout=0.1,
    )
    broker.run(max_cycle=1)
    broker.close()
    assert held("talk") == ["1", "2"]


def test_delete_topics_deletes_those_of_all_nodes() -> None:
    """Of today's nodes as well."""
    put("in", "one")
    put("talk", "one")
    _, talk = provision_duplex("memory", topic="talk")
    today = geowatch_core.provision_producer("memory", topic="out")
    broker = GeoWatchBroker(consumers=[consumer()], duplex=[talk], producers=[today])
    put("out", "one")
    broker.delete_topics()
    broker.close()
    assert held("in") + held("talk") + held("out") == []


def test_it_is_a_broker_of_today() -> None:
    """With what that has beside the arguments of 2015."""
    assert isinstance(GeoWatchBroker(filter=lambda value: value, in_flight=2), Broker)


TABLE = {
    "enabled": True,
    "name": "Logs",
    "description": "Aggregates",
    "count": 10,
    "timeout": 0.1,
    "sleep_period": 0,
    "filter_metadata": {},
    "consumers": [
        {"backend": "memory", "codec": "plain", "topics": ["logs-a", "logs-b"]},
        {"enabled": False, "backend": "nobody", "topic": "t"},
    ],
    "producers": [{"backend": "memory", "codec": "GeoWatchCodecPlain", "topic": "all"}],
}


def test_brokers_are_provisioned_from_tables_of_2015(tmp_path: Path) -> None:
    """Several topics in one entry, entries that are not enabled, stores with their options."""
    path = tmp_path / "all.txt"
    store = {"backend": "file", "key": str(path), "codec": "plain", "options": {"which": "last"}}
    put("test-logs-a", "one")
    put("test-logs-b", "two")
    shared = {"topic_prefix": "test-", "until_empty": True}
    table = {**TABLE, "stores_out": [store]}
    del table["producers"]
    off = {**TABLE, "enabled": False}
    [broker] = provision_brokers([table, off], globalconfig=shared)
    assert (broker.name, broker.description, broker.count) == ("Logs", "Aggregates", 10)
    assert broker.run().delivered == 2
    broker.close()
    assert path.read_text() in ("one", "two")


def test_an_entry_s_own_option_is_nearer_than_the_shared_one() -> None:
    """In 2015 the shared one won, though the documentation called it a fallback."""
    table = {"producers": [{"backend": "memory", "topic": "t", "topic_prefix": "mine-"}]}
    broker = provision_broker(table, {"topic_prefix": "shared-"}, verbose=False)
    broker.receive_message("x")
    broker.close()
    assert held("mine-t") == ["x"]


def test_a_filter_of_brokers_leaves_out_those_that_would_let_nothing_pass() -> None:
    """By their ``filter_metadata``."""
    picky = {**TABLE, "filter_metadata": {"kind": ["quake"]}}
    wanted = [picky, TABLE]
    for kind, count in (("quake", 2), ("tide", 1)):
        brokers = provision_brokers(wanted, brokerfilter={"kind": kind})
        assert len(brokers) == count
        for broker in brokers:
            broker.close()


def test_templates_by_name_are_refused_with_what_to_write_instead() -> None:
    """Rather than ignored."""
    with pytest.raises(TypeError, match="template="):
        provision_brokers([TABLE], templates={"a": []})


def test_a_broker_that_cannot_be_provisioned_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was opened before the mistake is closed again."""
    left: list[str | None] = []
    leave = GeoWatchNode._leave
    monkeypatch.setattr(GeoWatchNode, "_leave", lambda self: (left.append(self.topic), leave(self)))
    table = {**TABLE, "producers": [{"backend": "nobody", "topic": "t"}]}
    with pytest.raises(UnknownNameError):
        provision_broker(table, verbose=False)
    assert left == ["logs-b", "logs-a"]
