"""The broker of 2015 does what it did, and what it only promised."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import geowatch_core
from geowatch_core import Broker, UnknownNameError
from geowatchutil.broker.base import GeoWatchBroker
from geowatchutil.node.base import GeoWatchNode
from geowatchutil.runtime import (
    provision_broker,
    provision_brokers,
    provision_duplex,
)
from geowatchutil.store.geowatch_store_file import GeoWatchStoreFile
from tests.seed.old import consumer, held, producer, put

pytestmark = pytest.mark.filterwarnings("ignore:geowatchutil:DeprecationWarning")


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
