"""What a transaction sends is delivered if and only if it commits."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import (
    ConfigurationError,
    Consumer,
    EncodeError,
    Message,
    PermanentError,
    RetryableError,
    provision_broker,
    provision_consumer,
)
from geowatch_core.contrib.django import outbox
from tests.django import databases
from tests.django.databases import raw


def consumer(alias: str, topic: str = "quakes", **more: Any) -> Consumer:
    """An open consumer of the outbox that ends when it is empty."""
    given = {"using": alias, "topic": topic, "poll": 0.01, "until_empty": True, "max_tries": 1}
    return provision_consumer("django-outbox", **{**given, **more})


def drained(alias: str, topic: str = "quakes") -> list[Any]:
    """The values that the outbox holds, taken out of it."""
    values: list[Any] = []
    with consumer(alias, topic) as source:
        while not source.exhausted:
            messages = source.consume()
            values += [message.value for message in messages]
            source.ack(messages)
    return values


def waiting(alias: str) -> int:
    """How many rows there are, as the database itself counts them."""
    [(count,)] = raw(alias).run("SELECT count(*) FROM geowatch_outbox")
    return int(count)


def test_what_a_committed_transaction_sent_is_delivered(alias: str) -> None:
    """Together with what else the transaction wrote."""
    from django.db import transaction

    from tests.django.project.quakes.models import Quake

    with transaction.atomic(using=alias):
        Quake.objects.using(alias).create(number=7)
        outbox.send({"number": 7}, topic="quakes", using=alias)
        assert waiting(alias) == 0  # nobody else sees it yet
    assert drained(alias) == [{"number": 7}]
    assert raw(alias).run("SELECT number FROM quakes_quake") == [(7,)]


def test_what_a_transaction_sent_that_failed_is_never_delivered(alias: str) -> None:
    """Neither the row nor the message is there."""
    from django.db import transaction

    with suppress(ZeroDivisionError), transaction.atomic(using=alias):
        outbox.send({"number": 7}, topic="quakes", using=alias)
        raise ZeroDivisionError
    assert waiting(alias) == 0
    assert drained(alias) == []


def test_a_savepoint_that_was_rolled_back_takes_its_messages_with_it(alias: str) -> None:
    """What was sent before and after it is delivered."""
    from django.db import transaction

    with transaction.atomic(using=alias):
        outbox.send(1, topic="quakes", using=alias)
        with suppress(ZeroDivisionError), transaction.atomic(using=alias):
            outbox.send(2, topic="quakes", using=alias)
            raise ZeroDivisionError
        outbox.send(3, topic="quakes", using=alias)
    assert drained(alias) == [1, 3]


def test_outside_of_a_transaction_a_message_is_one_by_itself(alias: str) -> None:
    """It is there when ``send`` returns, under the id that was returned."""
    number = outbox.send("as it is", topic="quakes", codec="plain", using=alias)
    [row] = raw(alias).run("SELECT id, topic, data FROM geowatch_outbox")
    assert (row[0], row[1], bytes(row[2])) == (number, "quakes", b"as it is")


def test_a_transaction_on_another_database_is_refused(alias: str) -> None:
    """It could roll back, and the message would be delivered all the same."""
    from django.db import transaction

    other = next(name for name in databases.ALIASES if name != alias)
    if other == "postgres":
        databases.postgres()
    with (
        transaction.atomic(using=other),
        pytest.raises(ConfigurationError, match=f"Send with using='{other}'"),
    ):
        outbox.send(1, topic="quakes", using=alias)
    from django.db import connections

    connections[other].close()
    assert waiting(alias) == 0


def test_an_unknown_database_is_an_error_that_names_the_nearest(alias: str) -> None:
    """Before anything is written."""
    with pytest.raises(ConfigurationError, match="Did you mean postgres"):
        outbox.send(1, topic="quakes", using="postgers")


@pytest.mark.parametrize("topic", ["", "x" * 256, "a\0b"])
def test_a_topic_that_no_column_can_hold_is_refused(alias: str, topic: str) -> None:
    """The same in every database, whatever that one would have said."""
    with pytest.raises(ConfigurationError, match="cannot be the topic"):
        outbox.send(1, topic=topic, using=alias)


def test_what_the_codec_refuses_fails_where_it_is_sent(alias: str) -> None:
    """Not later in a drain, where nobody could do anything about it."""
    with pytest.raises(EncodeError):
        outbox.send(float("nan"), topic="quakes", using=alias)
    assert waiting(alias) == 0


def test_key_headers_and_time_arrive_as_they_were_sent(alias: str) -> None:
    """Also what is no text."""
    headers = (("trace", b"\x00\xff"), ("trace", b"again"), ("nul\0", b""))
    outbox.send(1, topic="quakes", key="é", headers=headers, time=1.5, using=alias)
    with consumer(alias) as source:
        [message] = source.consume()
        source.ack([message])
    assert (message.key, message.headers, message.time) == ("é".encode(), headers, 1.5)


@pytest.mark.parametrize("headers", [(("a", "text"),), (("\udc80", b""),), ("ab",)])
def test_headers_that_cannot_be_kept_are_refused(alias: str, headers: Any) -> None:
    """Before anything is written."""
    with pytest.raises(EncodeError, match="headers"):
        outbox.send(1, topic="quakes", headers=headers, using=alias)
    assert waiting(alias) == 0


def test_closing_while_the_database_is_gone_ends_all_the_same(
    postgres: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A process must be able to end; what it held comes again when its lease runs out."""
    outbox.send_many(range(3), topic="quakes", using=postgres)
    source = consumer(postgres, lease=1.0, timeout=2.0)
    assert len(source.consume(2)) == 2
    databases.postgres().kill()
    source.close()
    databases.postgres().start()
    assert "comes again when its lease runs out" in caplog.text
    assert sorted(drained(postgres)) == [0, 1, 2]


def test_many_are_sent_at_once_in_order(alias: str) -> None:
    """More than a statement takes parameters for; values and messages alike."""
    values = [*range(1200), Message.of(1200, key=b"last")]
    assert outbox.send_many(values, topic="quakes", using=alias) == 1201
    assert drained(alias) == list(range(1201))


def test_topics_are_drained_apart(alias: str) -> None:
    """A consumer takes what is sent to its topic, prefix included."""
    outbox.send(1, topic="test-quakes", using=alias)
    outbox.send(2, topic="quakes", using=alias)
    with consumer(alias, topic_prefix="test-") as source:
        [message] = source.consume()
        source.ack([message])
    assert message.value == 1
    assert drained(alias) == [2]


def test_a_lower_id_that_commits_later_is_not_skipped(postgres: str) -> None:
    """Ids are given before the commit: a drain that settled by position would lose it."""
    from django.db import connections, transaction

    go, sent = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic(using=postgres):
                outbox.send("first", topic="quakes", using=postgres)
                sent.set()
                assert go.wait(30)
        finally:
            connections[postgres].close()

    writer = threading.Thread(target=slow)
    writer.start()
    assert sent.wait(30)
    outbox.send("second", topic="quakes", using=postgres)
    try:
        assert drained(postgres) == ["second"]
    finally:
        go.set()
        writer.join()
    assert drained(postgres) == ["first"]


def test_concurrent_drains_share_what_there_is(alias: str) -> None:
    """Each of 600 messages goes to one of three consumers, and to no second one."""
    outbox.send_many(range(600), topic="quakes", using=alias)
    taken: list[int] = []
    errors: list[BaseException] = []
    start = threading.Barrier(3)

    def drain() -> None:
        try:
            with consumer(
                alias, lease=30.0, timeout=30.0, max_tries=50, sleep_period=0.1
            ) as source:
                start.wait(30)
                while not source.exhausted:
                    messages = patient(lambda: source.consume(20, 0.05))
                    taken.extend(message.value for message in messages)
                    patient(lambda messages=messages: source.ack(messages))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert errors == []
    assert sorted(taken) == list(range(600))
    assert waiting(alias) == 0


def test_what_a_consumer_held_that_died_comes_again(alias: str) -> None:
    """Its lease is not renewed any more, and runs out."""
    outbox.send_many(range(4), topic="quakes", using=alias)
    dead = consumer(alias, lease=0.5)
    assert len(dead.consume(3)) == 3
    dead._closing.set()  # type: ignore[attr-defined]  # as if its process were gone: no renewal
    dead._heart.join()  # type: ignore[attr-defined]
    assert sorted(drained(alias)) == [0, 1, 2, 3]
    dead.close()


def patient(act: Any) -> Any:
    """What a call returns, tried again while the database is locked, as a broker does."""
    for _ in range(200):
        try:
            return act()
        except RetryableError:
            continue
    return act()


def test_a_database_that_does_not_answer_is_a_retryable_failure(postgres: str) -> None:
    """What the late answer brings is given back, and nothing is lost or held for ever."""
    outbox.send_many(range(5), topic="quakes", using=postgres)
    with consumer(postgres, timeout=1.0) as source:
        databases.postgres().freeze()
        try:
            with pytest.raises(RetryableError, match="does not answer"):
                source.consume()
        finally:
            databases.postgres().thaw()
        values: list[Any] = []
        while not source.exhausted:
            messages = patient(lambda: source.consume(500, 0.1))
            values += [message.value for message in messages]
            source.ack(messages)
    assert sorted(values) == list(range(5))
    assert waiting(postgres) == 0


def test_a_database_that_is_locked_is_a_retryable_failure(alias: str) -> None:
    """Somebody holds the outbox for longer than a call may take; afterwards all goes on."""
    outbox.send_many(range(5), topic="quakes", using=alias)
    with consumer(alias, timeout=1.0) as source:
        with raw(alias).connection() as connection:
            if alias == "default":
                connection.execute("BEGIN EXCLUSIVE")
            else:
                connection.execute("BEGIN")
                connection.execute("LOCK TABLE geowatch_outbox")
            with pytest.raises(RetryableError):
                source.consume()
            connection.execute("ROLLBACK")
        values: list[Any] = []
        while not source.exhausted:
            messages = patient(lambda: source.consume(500, 0.1))
            values += [message.value for message in messages]
            source.ack(messages)
    assert sorted(values) == list(range(5))
    assert waiting(alias) == 0


def test_a_database_that_is_not_there_is_refused_for_good(alias: str) -> None:
    """The error names those that are."""
    with pytest.raises(PermanentError, match="DATABASES has default, postgres, bare"):
        consumer("nowhere")


def test_a_broker_moves_what_was_sent_to_a_file(alias: str, tmp_path: Path) -> None:
    """Filtered and enriched like any other source; the outbox is empty afterwards."""
    outbox.send_many([{"mag": 3.0}, {"mag": 6.5}], topic="quakes", using=alias)
    config = {
        "filter": {"path": "mag", "ge": 5},
        "consumers": [
            {
                "backend": "django-outbox",
                "topic": "quakes",
                "using": alias,
                "until_empty": True,
            }
        ],
        "producers": [{"backend": "file", "path": str(tmp_path / "out.jsonl"), "codec": "json"}],
    }
    report = provision_broker(config).run()
    assert (report.consumed, report.delivered, report.filtered) == (2, 1, 1)
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"mag": 6.5}
    assert waiting(alias) == 0
