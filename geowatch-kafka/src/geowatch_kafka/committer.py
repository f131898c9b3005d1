"""Commits: asked for by whoever acks, made by the thread that talks to the client."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from geowatch_core import ClosedError, GeoWatchError, RetryableError
from geowatch_kafka import _driver
from geowatch_kafka.config import Config
from geowatch_kafka.lane import Lane

__all__ = ["Committer"]


class _Commit(msgspec.Struct, eq=False):
    """An ack that waits for its commit."""

    offsets: Mapping[Lane, int]
    sent: Mapping[int, int] | None = None
    done: threading.Event = msgspec.field(default_factory=threading.Event)
    error: GeoWatchError | None = None


class Committer:
    """Holds the one commit that is asked for, until the servers have answered.

    Args:
        client: the client, which only the thread that polls may call.
        topic: what is consumed from.
        config: the user's settings, whose values no error may show.
        timeout: seconds that one call of the service may take.
        changed: notified when a commit is asked for, and when it is answered.
    """

    def __init__(
        self, client: Any, topic: str, config: Config, timeout: float, changed: threading.Condition
    ) -> None:
        self._client = client
        self._topic = topic
        self._config = config
        self._timeout = timeout
        self._changed = changed
        self._refusal = f"Kafka did not commit for {topic}"
        self._asked: _Commit | None = None
        self._closed = False

    # --- what those who ack call ----------------------------------------------------------------

    def commit(self, offsets: Mapping[Lane, int]) -> None:
        """Commit, and return when the server has it. One call at a time.

        Raises:
            RetryableError: it has not answered in time, or could not.
            PermanentError: it refused.
            ClosedError: the consumer was closed meanwhile.
        """
        deadline = time.monotonic() + self._timeout
        asked = _Commit(offsets)
        with self._changed:
            # One that was given up on by its caller may still be under way.
            while self._asked is not None and not self._closed:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise self._late()
            if self._closed:
                raise self._over()
            self._asked = asked
            self._changed.notify_all()
        if not asked.done.wait(max(deadline - time.monotonic(), 0)):
            raise self._late()
        if asked.error is not None:
            raise asked.error

    def _late(self) -> RetryableError:
        return RetryableError(
            f"Kafka did not answer to a commit for {self._topic} within {self._timeout:g} s",
            got=self._topic,
            fix="It is tried again; see that the servers run, or raise the option timeout.",
        )

    def _over(self) -> ClosedError:
        return ClosedError(f"The consumer of {self._topic} was closed", fix="Make a new one.")

    # --- what the thread that polls calls -------------------------------------------------------

    @property
    def under_way(self) -> bool:
        """Whether a commit is asked for, and has no answer."""
        return self._asked is not None

    def send(self) -> None:
        """Begin the commit; polling brings its answer to `answered`.

        To wait for it here would keep a busy consumer from fetching for a third of its time.
        """
        asked = self._asked
        if asked is None or asked.sent is not None:
            return
        mine = self._mine(asked)
        asked.sent = {each.partition: each.offset for each in mine}
        error = self._attempt(mine, asynchronous=True)
        if error is not None or not mine:
            self._answer(asked, error)

    def answered(self, error: Any, partitions: Sequence[Any]) -> None:
        """The servers have answered to a commit that was sent."""
        asked = self._asked
        # One that was made again meanwhile has its answer; one of the same offsets is as good.
        if asked is None or asked.sent != {each.partition: each.offset for each in partitions}:
            return
        failed = error or next((each.error for each in partitions if each.error is not None), None)
        self._answer(asked, failed and _driver.error_of(failed, self._refusal, self._config))

    def make(self) -> None:
        """Commit here and now, also what was sent: nothing can be polled meanwhile.

        That is so while partitions are taken away. Anywhere else it would not do: in an outage this
        call of the client may not return, as it waits for what only a poll brings.
        """
        asked = self._asked
        if asked is not None:
            self._answer(asked, self._attempt(self._mine(asked), asynchronous=False))

    def close(self) -> None:
        """Take no more commits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def give_up(self) -> None:
        """Tell who still waits for a commit that there will be none."""
        if self._asked is not None:
            self._answer(self._asked, self._over())

    def _mine(self, asked: _Commit) -> list[Any]:
        """What of a commit is for partitions that are still ours."""
        return [
            _driver.TopicPartition(self._topic, lane.partition, offset)
            for lane, offset in asked.offsets.items()
            if lane.alive
        ]

    def _attempt(self, mine: list[Any], *, asynchronous: bool) -> GeoWatchError | None:
        """Commit, if there is anything to; the error, if there is one already."""
        try:
            with _driver.translated(self._refusal, self._config):
                found = mine and self._client.commit(offsets=mine, asynchronous=asynchronous)
                for each in found or ():
                    if each.error is not None:
                        raise _driver.KafkaException(each.error)
        except GeoWatchError as error:
            return error
        return None

    def _answer(self, asked: _Commit, error: GeoWatchError | None) -> None:
        asked.error = error
        with self._changed:
            self._asked = None
            self._changed.notify_all()
        asked.done.set()
