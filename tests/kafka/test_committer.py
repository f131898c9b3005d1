"""Commits between whoever acks and the thread that polls, on a client that notes them."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition

from geowatch_core import ClosedError, RetryableError
from geowatch_kafka.committer import Committer
from geowatch_kafka.config import Config
from geowatch_kafka.lane import Lane


class Told:
    """Takes commits, and answers to those that are waited for at once."""

    def __init__(self) -> None:
        self.commits: list[tuple[bool, list[tuple[int, int]]]] = []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> Any:
        """Keep it."""
        self.commits.append((asynchronous, [(o.partition, o.offset) for o in offsets]))
        return None if asynchronous else offsets


@contextmanager
def asked(client: Told, *lanes: Lane) -> Iterator[tuple[Committer, Future[None]]]:
    """A committer that is asked to commit offset 7 of each of the lanes, and what comes of it."""
    committer = Committer(client, "quakes", Config(), 5.0, threading.Condition())
    with ThreadPoolExecutor(1) as pool:
        acking = pool.submit(committer.commit, dict.fromkeys(lanes, 7))
        while not committer.under_way:
            assert not acking.done()
        try:
            yield committer, acking
        finally:
            committer.give_up()


def test_a_commit_is_sent_once_and_is_done_when_it_is_answered() -> None:
    """An ack waits until the servers have answered to what was sent."""
    client = Told()
    with asked(client, Lane("quakes", 1)) as (committer, acking):
        committer.send()
        committer.send()
        assert client.commits == [(True, [(1, 7)])]
        assert not acking.done()
        committer.answered(None, [TopicPartition("quakes", 1, 7)])
        assert acking.result(5) is None


def test_the_answer_to_another_commit_answers_nothing() -> None:
    """An answer that comes late, to offsets of before, is not taken for that of this commit."""
    with asked(Told(), Lane("quakes", 1)) as (committer, acking):
        committer.send()
        committer.answered(None, [TopicPartition("quakes", 1, 6)])
        assert committer.under_way
        assert not acking.done()


def test_a_refusal_is_raised_to_whoever_acks() -> None:
    """What the servers say against a commit comes out of the ack."""
    with asked(Told(), Lane("quakes", 1)) as (committer, acking):
        committer.send()
        refusal = KafkaError(KafkaError.NOT_COORDINATOR)
        committer.answered(refusal, [TopicPartition("quakes", 1, 7)])
        with pytest.raises(RetryableError, match="NOT_COORDINATOR"):
            acking.result(5)


def test_what_was_sent_can_be_made_here_and_now() -> None:
    """Where nothing is polled that could bring the answer, the same is committed synchronously."""
    client = Told()
    with asked(client, Lane("quakes", 1)) as (committer, acking):
        committer.send()
        committer.make()
        assert acking.result(5) is None
    assert client.commits == [(True, [(1, 7)]), (False, [(1, 7)])]


def test_nothing_is_committed_for_a_partition_that_is_gone() -> None:
    """Of what is asked for, only the partitions that are still ours are committed."""
    client, gone = Told(), Lane("quakes", 1)
    gone.alive = False
    with asked(client, gone, Lane("quakes", 2)) as (committer, _):
        committer.send()
    assert client.commits == [(True, [(2, 7)])]


def test_an_ack_is_told_that_the_consumer_was_closed() -> None:
    """An ack whose commit was never made does not return as if it had been."""
    with asked(Told(), Lane("quakes", 1)) as (committer, acking):
        committer.close()
        committer.give_up()
        with pytest.raises(ClosedError):
            acking.result(5)
        with pytest.raises(ClosedError):
            committer.commit({Lane("quakes", 1): 8})
