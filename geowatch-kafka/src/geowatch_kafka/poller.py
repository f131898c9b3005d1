"""The one thread that talks to the client of a consumer: it fetches, commits, and lets go.

A call of the client waits for every other one, so there is one thread that makes them all. It goes
on polling while nobody consumes: a member of a group that is silent for minutes is put out of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from geowatch_core import GeoWatchError, Message, PermanentError, RetryableError
from geowatch_kafka import _driver
from geowatch_kafka.committer import Committer
from geowatch_kafka.config import Config
from geowatch_kafka.lane import Lane, Place
from geowatch_kafka.shelf import Shelf

__all__ = ["Poller"]

_log = logging.getLogger(__name__)

_IDLE: Final = 0.1
"""Seconds of one wait for messages when nothing else can be asked for."""
_BUSY: Final = 0.005
"""The same when an ack may be asked for at any moment."""
_ANSWER: Final = 0.002
"""Seconds between two looks for the answer to a commit where nothing more can be fetched."""
_MOST: Final = 500
"""Messages of one call: with 1,000 it takes a sixteenth longer, as the garbage collector looks into
all of them, and with 300 nearly as much, as every other call is cut by a batch (measured)."""
_HOLD_AFTER: Final = 1.0
"""Seconds without anybody consuming after which partitions are paused, and polling goes on."""


class Poller:
    """Fetches onto a shelf, and commits on request.

    Args:
        client: the client, which from then on nobody else calls.
        topic: what to consume from.
        config: the user's settings, whose values no error may show.
        timeout: seconds that one call of the service may take.
        shelf: where messages are put that nobody has asked for yet.
        begin: says where to begin in each of these partitions.
        incremental: whether partitions come and go one by one, and not all at once.
    """

    def __init__(
        self,
        client: Any,
        topic: str,
        config: Config,
        timeout: float,
        shelf: Shelf,
        begin: Callable[[Sequence[Any]], list[Any]],
        *,
        incremental: bool,
    ) -> None:
        self._client = client
        self._topic = topic
        self._config = config
        self._timeout = timeout
        self._shelf = shelf
        self._begin = begin
        self._incremental = incremental
        self._begun: dict[int, int] = {}
        self._lanes: dict[int, Lane] = {}
        self._stopping = False
        self._held = False
        self._has_held = False
        self._changed = shelf.changed
        self.commits = Committer(client, topic, config, timeout, shelf.changed)
        self.assigned = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"geowatch {topic}", daemon=True)

    # --- what other threads call ----------------------------------------------------------------

    def begin(self, *, held: bool) -> None:
        """Start the thread; `held`: it polls at once, though nobody has asked for messages."""
        self._held = held
        self._thread.start()

    def stop(self, patience: float) -> bool:
        """Leave the group and end the thread; whether it has ended in time."""
        self._stopping = True
        self.commits.close()
        self._thread.join(patience)
        return not self._thread.is_alive()

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
        except BaseException as error:  # nobody else would ever know
            _log.exception("The thread that consumes from %s failed", self._topic)
            self._shelf.fail(error, for_good=True)
        finally:
            self._finish()

    def _turn(self) -> None:
        """One round: commit what is asked for, and fetch what there is room for."""
        room = self._shelf.room()
        if room:
            self.commits.send()
            if self._held:
                self._resume()
            # Each call gives other threads their turn, so first for all there is, then to wait.
            got = self._client.consume(min(room, _MOST), 0) or self._client.consume(
                1, _BUSY if self._shelf.in_hand else _IDLE
            )
        elif self._held or self._shelf.full_for(_HOLD_AFTER):
            self.commits.send()
            self._hold()
            got = self._client.consume(1, _IDLE / 5)
        elif self.commits.under_way:
            self.commits.send()
            time.sleep(_ANSWER)  # a poll that waits would bring what there is no room for
            got = self._client.consume(1, 0)
        else:
            self._wait_for_room()
            return
        if got:
            self._sort(got)

    def _wait_for_room(self) -> None:
        with self._changed:
            if not (self._stopping or self._shelf.room() or self.commits.under_way):
                self._changed.wait(_IDLE)

    def _hold(self) -> None:
        """Pause everything, also what was assigned since: then a poll brings no messages."""
        try:
            paused = self._client.assignment()
            if paused:
                self._client.pause(paused)
        except _driver.KafkaException as error:
            _log.debug("%s: not paused: %s", self._topic, error)
        self._held = self._has_held = True

    def _resume(self) -> None:
        self._held = False
        try:
            self._client.resume(self._client.assignment())
        except _driver.KafkaException as error:
            _log.debug("%s: not resumed: %s", self._topic, error)

    # --- messages -------------------------------------------------------------------------------

    def _sort(self, got: list[Any]) -> None:
        """Put messages onto the shelf, by partition, and deal with the errors among them."""
        errors = [m.error() for m in got]
        if any(errors):
            for message, error in zip(got, errors, strict=True):
                if error is not None:
                    self._failed(error, message.partition())
            got = [m for m, error in zip(got, errors, strict=True) if error is None]
            if not got:
                return
        numbers = [m.partition() for m in got]
        first = numbers[0]
        if numbers.count(first) == len(numbers):
            self._put(first, got)
            return
        for number in dict.fromkeys(numbers):
            self._put(number, [m for m, n in zip(got, numbers, strict=True) if n == number])

    def _put(self, number: int, got: list[Any]) -> None:
        lane = self._lanes.get(number)
        if lane is None:  # of a partition that is no longer ours: its next owner brings them
            return
        offsets: Sequence[int] = [m.offset() for m in got]
        if offsets[0] < lane.following:  # the client began anew: nothing of before counts
            lane = self._renewed(lane)
        if offsets[-1] - offsets[0] == len(offsets) - 1:
            offsets = range(offsets[0], offsets[-1] + 1)
        with self._changed:
            chunk = lane.fetched(offsets)
        messages = [
            Message(
                m.value() or b"",
                m.key(),
                tuple([(name, value or b"") for name, value in headers])
                if (headers := m.headers())
                else (),
                at[1] / 1000 if (at := m.timestamp())[0] else None,
                Place(chunk, offset),
            )
            for m, offset in zip(got, offsets, strict=True)
        ]
        self._shelf.put(chunk, messages)

    def _renewed(self, old: Lane) -> Lane:
        self._shelf.drop([old])
        lane = self._lanes[old.partition] = Lane(self._topic, old.partition)
        return lane

    # --- errors ---------------------------------------------------------------------------------

    def error(self, error: Any) -> None:
        """What the client reports of itself. Called by the client, in this thread."""
        code = error.code()
        passing = (
            _driver.KafkaError._TRANSPORT,
            _driver.KafkaError._TIMED_OUT,
            _driver.KafkaError._TIMED_OUT_QUEUE,
        )
        if code in passing and not error.fatal():
            _log.debug("%s: %s", self._topic, error.str())  # one of several servers, perhaps
            return
        self._shelf.fail(
            _driver.error_of(error, f"Kafka brings nothing of {self._topic}", self._config)
        )

    def _failed(self, error: Any, number: int) -> None:
        """A partition, or the whole topic, cannot be consumed from."""
        code = error.code()
        if code == _driver.KafkaError._AUTO_OFFSET_RESET:
            self._shelf.fail(self._gone(number), for_good=True)
        elif code == _driver.KafkaError._MAX_POLL_EXCEEDED:
            _log.warning("%s: was put out of its group, and joins again", self._topic)
        else:
            what = f"Kafka brings nothing of {self._topic}"
            self._shelf.fail(_driver.error_of(error, what, self._config, got=number))

    def _gone(self, number: int) -> PermanentError:
        """Messages are missing where the group would go on: to jump over them would lose them."""
        what = f"The offset to go on from in {self._topic}[{number}] is gone"
        try:
            here = _driver.TopicPartition(self._topic, number)
            low, high = self._client.get_watermark_offsets(here, timeout=self._timeout)
            what += f": the partition holds {low} to {high}"
        except _driver.KafkaException:
            pass
        return PermanentError(
            what,
            got=self._begun.get(number),
            fix="Messages were deleted before they were consumed, or the topic was made anew. Set "
            "the group's offset with kafka-consumer-groups --reset-offsets, or choose another "
            "group.",
        )

    # --- partitions that come and go; called by the client, in this thread ----------------------

    def on_assign(self, _: Any, partitions: Sequence[Any]) -> None:
        """These are ours from now on."""
        _log.debug("%s: assigned %s", self._topic, [each.partition for each in partitions])
        placed = self._placed(partitions)
        if placed is None:
            self._client.unassign()
            return
        self.own(placed)
        if self._incremental:
            self._client.incremental_assign(placed)
        else:
            self._client.assign(placed)
        if self._has_held:  # one that was paused when it was taken away comes back paused
            self._client.resume(placed)
        self._held = False
        self.assigned.set()

    def own(self, placed: Sequence[Any]) -> None:
        """Note what was assigned, and where each begins."""
        for each in placed:
            self._lanes[each.partition] = Lane(self._topic, each.partition)
            self._begun[each.partition] = each.offset

    def _placed(self, partitions: Sequence[Any]) -> list[Any] | None:
        """Where to begin in each; tried until the servers answer. None if they never will."""
        while not self._stopping:
            try:
                return self._begin(partitions) if partitions else []
            except RetryableError as error:
                self._shelf.fail(error)
                with self._changed:
                    self._changed.wait(_IDLE)
            except GeoWatchError as error:
                self._shelf.fail(error, for_good=True)
                break
        return None

    def on_revoke(self, _: Any, partitions: Sequence[Any]) -> None:
        """These go to another member: let what is in hand be acked, then let go of them."""
        lanes = self._leaving(partitions)
        if not lanes:  # the client closes: they were let go of before
            return
        self._shelf.withhold(lanes)
        deadline = time.monotonic() + self._timeout
        while not self._stopping and time.monotonic() < deadline:
            self.commits.make()
            with self._changed:
                if not any(lane.in_hand for lane in lanes):
                    break
                if not self.commits.under_way:
                    self._changed.wait(0.05)
        self.commits.make()
        self._shelf.drop(lanes)

    def on_lost(self, _: Any, partitions: Sequence[Any]) -> None:
        """These have gone to another member already: nothing of them may be committed."""
        lanes = self._leaving(partitions)
        _log.warning("%s: lost partitions %s", self._topic, [lane.partition for lane in lanes])
        self._shelf.drop(lanes)

    def _leaving(self, partitions: Sequence[Any]) -> list[Lane]:
        lanes = [self._lanes.pop(each.partition, None) for each in partitions]
        return [lane for lane in lanes if lane is not None]

    # --- the end --------------------------------------------------------------------------------

    def _finish(self) -> None:
        self._stopping = True
        self.commits.close()
        lanes, self._lanes = list(self._lanes.values()), {}
        # What was acked at the last moment is committed, and closing brings the answer.
        self._in_order(self.commits.send)
        self._shelf.drop(lanes)
        self._in_order(self._client.close)
        self.commits.give_up()

    def _in_order(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:  # the channel gives everything back by itself
            _log.warning("%s: not closed in order: %s", self._topic, error)
