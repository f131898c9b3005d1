"""Keeps the leases of one consumer, and the shards it reads by them."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Final

from geowatch_aws.kinesis._driver import Client, Stream
from geowatch_aws.kinesis.checkpoint import Checkpoint
from geowatch_aws.kinesis.coordinator import Coordinator, Hold, ensure_of
from geowatch_aws.kinesis.holding import Holding, Place, place_of
from geowatch_aws.kinesis.lease import Lease, LeaseStore
from geowatch_aws.kinesis.options import KinesisConsumerOptions
from geowatch_aws.kinesis.pump import Pump
from geowatch_aws.kinesis.reader import Reader
from geowatch_aws.kinesis.shard import finished, missing
from geowatch_core import ClosedError, Message, PermanentError, RetryableError

__all__ = ["Worker"]

_log = logging.getLogger(__name__)
_LIST_EVERY: Final = 60.0
"""Seconds between two looks at the list of shards. New ones are the children of one that has ended,
and are looked for then; this is for what other programs do to the leases."""

_PAUSE: Final = 1.0
"""Seconds after which what failed is tried again."""


class Worker:
    """Takes and renews leases in a thread of its own, and has a thread read each shard.

    Attributes:
        changed: held to call ``take``, and notified when that may have another answer.
        waiting: whether somebody waits on ``changed`` for messages.
        finished: whether the one shard that was asked for was dealt with to its end.

    Args:
        name: of the consumer, for log lines.
        client: of the stream.
        stream: as it was described.
        store: of leases, open.
        options: of the consumer.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        stream: Stream,
        store: LeaseStore,
        options: KinesisConsumerOptions,
    ) -> None:
        self.changed = threading.Condition()
        self.finished = False
        self.waiting = False
        self._name = name
        self._client = client
        self._stream = stream
        self._store = store
        self._options = options
        self._begin_at = options.begin(stream.now)
        owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        self._coordinator = Coordinator(store, owner, options.lease_duration, only=options.shard_id)
        self._holdings: dict[str, Holding] = {}
        self._retired: list[Pump] = []
        self._made: set[str] = set()
        self._taken = 0
        self._turn = 0
        self._listed = -_LIST_EVERY
        self._error: Exception | None = None  # to be raised
        self._failed: RetryableError | None = None  # the leases were not looked after since
        self._stopped = False
        self._given_back = False
        self._saving = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, name=f"geowatch {name} leases", daemon=True
        )

    def start(self) -> None:
        """Take what leases there are to take, and go on doing so."""
        try:
            self._round()
        except BaseException:
            self._stop_reading()
            self._give_back()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Read no more, and give every lease back at once."""
        with self.changed:
            self._stopped = True
            self.changed.notify_all()
        self._thread.join()
        self._stop_reading()
        self._give_back()

    def _stop_reading(self) -> None:
        pumps = [holding.pump for holding in self._holdings.values()]
        with self.changed:
            for pump in pumps:
                pump.stop()
        for pump in (*pumps, *self._retired):
            pump.join(self._options.timeout + 1.0)

    def _give_back(self) -> None:
        with self._saving:  # what is being acked is written by then
            self._given_back = True
            for holding in self._holdings.values():
                self._release(holding.hold)

    def _release(self, hold: Hold) -> None:
        try:
            self._coordinator.release(hold)
        except (RetryableError, PermanentError) as error:
            _log.warning(
                "%s could not give back the lease of %s, which others take in %g s: %s",
                self._name,
                hold.lease.key,
                self._options.lease_duration,
                error,
            )

    @property
    def failure(self) -> RetryableError | None:
        """Why a service failed that has not answered since. ``changed`` must be held."""
        pumps = (holding.pump.failed for holding in self._holdings.values())
        return next(filter(None, (self._failed, *pumps)), None)

    def take(self, count: int) -> list[Message]:
        """The next messages, of one shard after the other. ``changed`` must be held.

        Raises:
            Exception: nothing is there, and why nothing could be read.
        """
        holdings = list(self._holdings.values())
        if not holdings:
            self._raise(self._error)
            return []
        room = self._options.max_unsettled - sum(len(each.prefix) for each in holdings)
        self._turn = (self._turn + 1) % len(holdings)
        messages: list[Message] = []
        for holding in holdings[self._turn :] + holdings[: self._turn]:
            # Whoever slept past the time of a lease must not go on before it has looked.
            if len(messages) == count or self._coordinator.expired(holding.hold):
                continue
            before = len(holding.prefix)
            messages += holding.take(count - len(messages), room)
            room -= len(holding.prefix) - before
        for holding in holdings:
            holding.pump.asked = True
        self.changed.notify_all()
        if messages:
            return messages
        for holding in holdings:
            error, holding.pump.error = holding.pump.error, None
            self._raise(error)
        self._raise(self._error)
        return []

    def _raise(self, error: Exception | None) -> None:
        if error is not None:
            self._error = None
            raise error

    def ack(self, messages: Sequence[Message]) -> None:
        """Remember these, shard by shard. What was of a lease that is lost is left to its owner.

        Raises:
            RetryableError, PermanentError: what was remembered by then stays so.
        """
        with self._saving:
            if self._given_back:
                raise ClosedError(f"{self._name} is closed", fix="Ack before closing.")
            for holding, places in self._places(messages):
                with self.changed:
                    reached = holding.prefix.reach(places)
                if reached is not None:
                    at = Checkpoint(str(reached[0]), sub=reached[1])
                    if not self._coordinator.checkpoint(holding.hold, at):
                        self._lose(holding)
                        continue
                with self.changed:
                    holding.prefix.settle(places)
                    self.changed.notify_all()

    def nack(self, messages: Sequence[Message]) -> None:
        """Bring these again."""
        with self.changed:
            for message in messages:
                holding = self._holding(message)
                if holding is not None:
                    holding.give_back([message])
            self.changed.notify_all()

    def _places(self, messages: Sequence[Message]) -> list[tuple[Holding, list[Place]]]:
        groups: dict[str, tuple[Holding, list[Place]]] = {}
        with self.changed:
            for message in messages:
                holding = self._holding(message)
                if holding is not None:
                    key = message.position.shard
                    groups.setdefault(key, (holding, []))[1].append(place_of(message))
        return list(groups.values())

    def _holding(self, message: Message) -> Holding | None:
        """By which a message was brought; None if that is over."""
        holding = self._holdings.get(message.position.shard)
        return holding if holding and holding.number == message.position.hold else None

    def _lose(self, holding: Holding) -> None:
        """Let go of a shard that another worker reads now."""
        key = holding.hold.lease.key
        with self.changed:
            if self._holdings.get(key) is not holding:
                return
            left = len(holding.prefix)
            self._drop(holding)
        _log.warning(
            "%s has lost the lease of %s to another worker, which brings %d messages again.",
            self._name,
            key,
            left,
        )

    def _drop(self, holding: Holding) -> None:
        del self._holdings[holding.hold.lease.key]
        holding.pump.stop()
        self._retired.append(holding.pump)

    def _run(self) -> None:
        failed = False
        while self._wait(failed):
            try:
                self._round()
                failed = False
            except Exception as error:
                failed = True
                _log.warning("%s could not look after its leases: %s", self._name, error)
                with self.changed:
                    self._error = error
                    self._failed = error if isinstance(error, RetryableError) else None
                    self.changed.notify_all()

    def _wait(self, failed: bool) -> bool:
        """Until there is something to do for this worker's leases; False when it shall stop."""
        tick = self._options.lease_duration / 4

        def something() -> bool:
            done = not failed and any(holding.done for holding in self._holdings.values())
            return self._stopped or done

        with self.changed:
            self.changed.wait_for(something, timeout=min(tick, _PAUSE) if failed else tick)
            return not self._stopped

    def _round(self) -> None:
        """Renew, let go of what is done, and take this worker's share."""
        self._retired = [pump for pump in self._retired if pump.alive]
        self._renew()
        done = [holding for holding in list(self._holdings.values()) if self._is_done(holding)]
        if done or time.monotonic() - self._listed >= _LIST_EVERY:
            self._list_shards()
        for holding in done:
            self._finish(holding)
        leases = self._leases()
        for hold in self._coordinator.take(leases, list(self._holdings)):
            self._begin(hold)
        with self.changed:
            recovered = self._failed is not None
            self._error = self._failed = None
            only = leases.get(self._options.shard_id or "")
            self.finished = only is not None and only.checkpoint.ended
            if self.finished or recovered:
                self.changed.notify_all()

    def _renew(self) -> None:
        """Renew each lease that is due, also if another one cannot be renewed."""
        failed: Exception | None = None
        for holding in list(self._holdings.values()):
            try:
                if self._coordinator.due(holding.hold):
                    kept = self._coordinator.renew(holding.hold)
                    if not kept:
                        self._lose(holding)
            except (RetryableError, PermanentError) as error:
                failed = error
        if failed is not None:
            raise failed

    def _is_done(self, holding: Holding) -> bool:
        with self.changed:
            return holding.done

    def _leases(self) -> dict[str, Lease]:
        return {lease.key: lease for lease in self._store.all()}

    def _list_shards(self) -> None:
        """Make the leases of new shards, and forget those of shards that have left the stream."""
        only = self._options.shard_id
        shards = self._client.shards()
        leases = self._leases()
        ensure_of(self._stream.id, leases, f"The place of the leases of {self._name}")
        if only is None:
            wanted = shards
        else:
            wanted = [shard for shard in shards if shard.id == only]
            if not wanted and only not in leases:
                known = ", ".join(shard.id for shard in shards)
                raise PermanentError(
                    f"The stream {self._stream.id.rpartition(':')[0]} has no such shard",
                    got=only,
                    fix=f"Correct shard_id. There are: {known}.",
                )
        for lease in missing(wanted, leases, self._begin_at, self._stream.id):
            if self._store.create(lease):
                self._made.add(lease.key)
        if only is None:
            for lease in finished(shards, leases):
                self._store.remove(lease)
        self._listed = time.monotonic()

    def _finish(self, holding: Holding) -> None:
        if not self._coordinator.finish(holding.hold):
            self._lose(holding)
            return
        with self.changed:
            self._drop(holding)

    def _begin(self, hold: Hold) -> None:
        lease, options = hold.lease, self._options
        self._taken += 1
        reader = Reader(
            self._client,
            lease.key,
            self._taken,
            lease.checkpoint,
            fresh=lease.key in self._made and lease.counter == 1,
            most=options.max_fetch,
        )
        reader.begin()
        pump = Pump(
            reader,
            self.changed,
            interval=options.read_interval,
            room=options.max_fetch,
            waiting=lambda: self.waiting,
            name=f"geowatch {self._name} {lease.key}",
        )
        with self.changed:
            self._holdings[lease.key] = Holding(hold, self._taken, pump)
        pump.start()
