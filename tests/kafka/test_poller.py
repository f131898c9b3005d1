"""The thread that polls, on a client whose partition has no end."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from geowatch_core import ClosedError
from geowatch_kafka.config import Config
from geowatch_kafka.lane import Lane
from geowatch_kafka.poller import Poller
from geowatch_kafka.shelf import Shelf
from tools.local import until


class Found:
    """A message as the client gives it."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def error(self) -> None:
        """None: it is a message."""

    def partition(self) -> int:
        """The only one."""
        return 0

    def offset(self) -> int:
        """Where it is."""
        return self._offset

    def value(self) -> bytes:
        """What it says."""
        return b"%d" % self._offset

    def key(self) -> None:
        """None: it has no key."""

    def headers(self) -> None:
        """None: it has no headers."""

    def timestamp(self) -> tuple[int, int]:
        """0: it has no time."""
        return 0, 0


class Endless:
    """Answers to a commit when polled or closed, or never; to one that waits for it, never."""

    def __init__(self, *, answers: bool, last_words: bool = False) -> None:
        self.given = self.polls = 0
        self.paused = False
        self.poller: Poller | None = None
        self._answers = answers
        self._last_words = last_words
        self._sent: list[Any] = []

    def consume(self, count: int, timeout: float) -> list[Found]:
        """Answer to what was sent, and give as many messages as are asked for."""
        assert self.poller is not None
        self.polls += 1
        if self._answers:
            self._answer()
        if self.paused:
            time.sleep(timeout)
            return []
        found = [Found(self.given + index) for index in range(count)]
        self.given += count
        return found

    @property
    def sent(self) -> bool:
        """Whether it has a commit that it has not answered to."""
        return bool(self._sent)

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Keep it, to be answered later."""
        assert asynchronous, "it would not return"
        self._sent.append(offsets)

    def assignment(self) -> list[TopicPartition]:
        """The only partition."""
        return [TopicPartition("quakes", 0)]

    def pause(self, _: list[TopicPartition]) -> None:
        """Give nothing from now on."""
        self.paused = True

    def resume(self, _: list[TopicPartition]) -> None:
        """Give messages again."""
        self.paused = False

    def close(self) -> None:
        """Take the partition away, and bring what answers there are, as the client does."""
        assert self.poller is not None
        self.poller.on_revoke(self, self.assignment())
        if self._last_words:
            self._answer()

    def _answer(self) -> None:
        assert self.poller is not None
        while self._sent:
            self.poller.commits.answered(None, self._sent.pop())


@contextmanager
def begun(client: Endless, *, held: bool = False) -> Iterator[tuple[Poller, Shelf]]:
    """A poller that fetches from it, of which nobody has asked for anything."""
    shelf = Shelf(1000)
    poller = Poller(client, "quakes", Config(), 30.0, shelf, list, incremental=False)
    client.poller = poller
    poller.own([TopicPartition("quakes", 0, 0)])
    poller.begin(held=held)
    try:
        yield poller, shelf
    finally:
        assert poller.stop(30)


@contextmanager
def polling(client: Endless) -> Iterator[tuple[Poller, Shelf]]:
    """A poller with the shelf full, and ten messages in hand."""
    with begun(client) as (poller, shelf):
        assert shelf.take(10, 30)
        until(lambda: not shelf.room(), "the shelf is full")
        yield poller, shelf


def lane(shelf: Shelf) -> Lane:
    """The lane of what is on the shelf."""
    (message,) = shelf.take(1, 30)
    found: Lane = message.position.chunk.lane
    return found


def test_a_commit_is_answered_also_while_nothing_can_be_fetched() -> None:
    """With a full shelf, too, an ack waits for a poll, and not in a call that may not return."""
    client = Endless(answers=True)
    with polling(client) as (poller, shelf):
        poller.commits.commit({lane(shelf): 10})
        assert not client.paused


def test_while_a_commit_is_not_answered_little_is_fetched_beyond_the_room() -> None:
    """Each look for the answer may bring a message, and after a second none comes any more."""
    client = Endless(answers=False)
    with polling(client) as (poller, shelf), ThreadPoolExecutor(1) as pool:
        before, mine = client.given, lane(shelf)
        acking = pool.submit(poller.commits.commit, {mine: 10})
        until(lambda: client.paused, "it is paused")
        assert client.given - before < 1000
        poller.commits.give_up()
        with pytest.raises(ClosedError):
            acking.result(30)


def test_an_ack_that_the_servers_have_does_not_fail_because_of_a_close() -> None:
    """The answer to a commit that was under way comes while the client closes, and counts."""
    client = Endless(answers=False, last_words=True)
    with polling(client) as (poller, shelf), ThreadPoolExecutor(1) as pool:
        acking = pool.submit(poller.commits.commit, {lane(shelf): 10})
        until(lambda: client.sent, "it is sent")
        assert poller.stop(30)
        acking.result(30)


def test_an_ack_without_an_answer_is_told_of_the_close() -> None:
    """Whether the servers have it is not known, so it was not acked."""
    client = Endless(answers=False)
    with polling(client) as (poller, shelf), ThreadPoolExecutor(1) as pool:
        acking = pool.submit(poller.commits.commit, {lane(shelf): 10})
        until(lambda: client.sent, "it is sent")
        assert poller.stop(30)
        with pytest.raises(ClosedError):
            acking.result(30)


def test_nothing_is_paused_before_the_first_message_is_asked_for() -> None:
    """What is paused comes late when it is resumed: who asks soon finds nothing paused."""
    client = Endless(answers=True)
    with begun(client) as (_, shelf):
        time.sleep(0.3)  # that nothing is done has no event to wait for
        assert (client.polls, client.paused) == (0, False)
        assert shelf.take(10, 30)
        assert not client.paused


def test_who_must_be_heard_at_once_is_polled_for_at_once() -> None:
    """Held, a poller joins its group and brings no message before one is asked for."""
    client = Endless(answers=True)
    with begun(client, held=True) as (_, shelf):
        until(lambda: client.polls > 0, "it is polled")
        assert (client.given, client.paused) == (0, True)
        assert shelf.take(10, 30)
