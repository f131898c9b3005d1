"""What this backend promises beyond the conformance kit."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from geowatch_core import (
    Consumer,
    Message,
    PermanentError,
    TooLargeError,
    provision_consumer,
    provision_producer,
    provision_store,
)

from geowatch_sqlite._driver import Database
from geowatch_sqlite.backend import LARGEST


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the file of a test is."""
    return str(tmp_path / "queue.db")


def fill(path: str, *texts: str) -> None:
    """Deliver texts to a topic."""
    with provision_producer("sqlite", path=path, topic="t") as queue:
        queue.deliver([Message(text.encode()) for text in texts])


def consumer(path: str, **more: Any) -> Consumer:
    """An open consumer of that topic."""
    return provision_consumer("sqlite", path=path, topic="t", **more)


def texts(messages: list[Message]) -> list[str]:
    """What messages say."""
    return [message.data.decode() for message in messages]


def test_topics_of_a_file_are_apart(path: str) -> None:
    """A consumer sees its own topic only, and a prefix makes another topic."""
    for topic, prefix in (("a", ""), ("b", ""), ("a", "test-")):
        with provision_producer("sqlite", path=path, topic=topic, topic_prefix=prefix) as queue:
            queue.deliver([Message(f"{prefix}{topic}".encode())])
    with provision_consumer("sqlite", path=path, topic="test-a") as queue:
        assert texts(queue.consume()) == ["test-a"]


def test_what_is_given_back_comes_before_all_later(path: str) -> None:
    """A nacked message takes its old place in the queue."""
    fill(path, "1", "2", "3", "4")
    with consumer(path) as queue:
        first = queue.consume(3)
        queue.nack([first[0], first[2]])
        assert texts(queue.consume()) == ["1", "3", "4"]


def test_a_slow_consumer_keeps_its_lease(path: str) -> None:
    """While a consumer lives, nobody else gets what it holds, however long it takes."""
    fill(path, "1")
    with consumer(path, lease=0.3) as slow, consumer(path) as other:
        held = slow.consume()
        assert other.consume(timeout=1.0) == []
        slow.ack(held)
    with consumer(path, until_empty=True) as other:
        assert other.exhausted


def test_an_ack_after_the_lease_settles_nothing_and_says_so(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where another consumer got the message meanwhile, a late ack is a warning, not a loss."""
    fill(path, "1")
    with consumer(path, name="late") as late, consumer(path) as other:
        held = late.consume()
        _expire_all(path)
        again = other.consume()
        with caplog.at_level(logging.WARNING):
            late.ack(held)
        assert "late: 1 messages were acked too late" in caplog.text
        other.nack(again)
        assert texts(other.consume()) == ["1"]


def test_until_empty_waits_for_what_others_hold(path: str) -> None:
    """A topic is not done while another consumer may still give a message back."""
    fill(path, "1")
    with consumer(path) as other, consumer(path, until_empty=True) as queue:
        held = other.consume()
        assert queue.consume(timeout=0.05) == []
        assert not queue.exhausted
        other.nack(held)
        queue.ack(queue.consume())
        assert queue.exhausted


def test_an_application_puts_messages_in_its_own_transaction(path: str) -> None:
    """A row that SQL inserts is a message, if and when its transaction commits (an outbox)."""
    fill(path)
    insert = "INSERT INTO geowatch_messages (topic, data) VALUES ('t', CAST('sold' AS BLOB))"
    with closing(sqlite3.connect(path)) as shop:
        shop.execute(insert)
        shop.rollback()
        with consumer(path, until_empty=True) as queue:
            assert queue.exhausted
            shop.execute(insert)
            shop.commit()
            assert texts(queue.consume()) == ["sold"]


def test_confirmed_is_synced_to_the_disk(path: str) -> None:
    """A connection syncs the write-ahead log at every commit."""
    with closing(Database(path, 5)) as database:
        pragmas = ("journal_mode", "synchronous", "fullfsync")
        values = [database._row(f"PRAGMA {name}") for name in pragmas]
    assert values == [("wal",), (2,), (1,)]


@pytest.mark.parametrize("nowhere", ["", ":memory:"])
def test_what_is_no_file_is_refused(nowhere: str) -> None:
    """A database that would end with its connection is no place for a message."""
    with pytest.raises(PermanentError, match="Give the path of a file"):
        provision_store("sqlite", path=nowhere, key="k")


def test_a_new_file_may_be_opened_by_many_at_once(path: str) -> None:
    """Threads that meet at a file that is not there yet all open it, and no table is made twice."""
    errors: list[Exception] = []

    def open_and_close() -> None:
        try:
            barrier.wait()
            Database(path, 5).close()
        except Exception as error:
            errors.append(error)

    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=open_and_close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_fork_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that crossed a fork is not used there, and still serves its parent."""
    parent = os.getpid()
    with provision_store("sqlite", path=path, key="k") as store:
        store.write([Message(b"kept")])
        monkeypatch.setattr(os, "getpid", lambda: parent + 1)
        with pytest.raises(PermanentError, match="after a fork"):
            store.read()
        monkeypatch.undo()
        assert texts(store.read()) == ["kept"]


def test_a_message_that_is_too_large_is_refused_alone(path: str) -> None:
    """Its neighbours are confirmed."""
    with provision_producer("sqlite", path=path, topic="t") as queue:
        outcomes = queue.deliver([Message(b"a"), Message(bytes(LARGEST + 1)), Message(b"b")])
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [
        TooLargeError
    ]
    with consumer(path) as queue:
        assert texts(queue.consume()) == ["a", "b"]


def _expire_all(path: str) -> None:
    """Have every lease run out, as when a laptop wakes up."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE geowatch_leases SET until = 0")
