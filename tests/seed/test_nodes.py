"""What provisioning returned in 2015 does what it did, on today's library."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from geowatch_core import BrokerStoppedError, DecodeError
from geowatch_core.memory import _driver as memory
from geowatchutil.runtime import (
    provision_consumer,
    provision_consumer_file,
    provision_duplex,
    provision_producer,
)
from geowatchutil.store.geowatch_store_file import GeoWatchStoreFile
from tests.seed.old import consumer, held, producer, put

pytestmark = pytest.mark.filterwarnings("ignore:geowatchutil:DeprecationWarning")


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
