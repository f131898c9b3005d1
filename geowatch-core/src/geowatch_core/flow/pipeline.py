"""One run of a broker: its threads, what is in flight, and how it ends.

Consuming, working and delivering overlap, each in threads of its own:

.. code-block:: text

    reader (one a source) → worker (the caller's thread) → deliverer (one a destination) → settler
            consume              decode … encode                   deliver                   ack

User code (filters, transforms, ``process``, the cycle methods, hooks) runs in the caller's thread
only. Each source has at most ``in_flight`` batches that are consumed and not settled, so memory is
bounded whatever the backlog. Batches are settled in the order in which they were consumed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import attrs

from geowatch_core.flow.batch import Batch, Parcel
from geowatch_core.flow.destination import Destination
from geowatch_core.flow.source import Source

if TYPE_CHECKING:
    from geowatch_core.broker import Broker

__all__ = ["Flow"]

_READER_GRACE = 2.0
"""Seconds for readers to notice a stop; consumers return from a wait well within."""
_SETTLER_GRACE = 5.0
"""Seconds for an ack that has begun to return, once nothing else is waited for."""


@attrs.frozen
class _Consumed:
    batch: Batch


@attrs.frozen
class _Settled:
    batch: Batch


@attrs.frozen
class _Ended:
    """A source has nothing more to bring, or may bring no more."""


@attrs.frozen
class _Wake:
    """Somebody asked the run to stop, or a thread failed: look."""


class Flow:
    """One run of a broker.

    Args:
        broker: its stages, and what it is made of.
        max_cycle: how often each source is consumed from at most; 0 for no limit.
    """

    def __init__(self, broker: Broker, max_cycle: int) -> None:
        self._broker = broker
        self._max_cycle = max_cycle
        self._stop = threading.Event()
        self._abandoned = broker.abandoned
        self._events: SimpleQueue[_Consumed | _Settled | _Ended | _Wake] = SimpleQueue()
        self._settling: SimpleQueue[Batch | None] = SimpleQueue()
        self._delivering: dict[Destination, SimpleQueue[tuple[Batch, Parcel] | None]] = {
            destination: SimpleQueue() for destination in broker.destinations
        }
        self._permits: dict[int, threading.Semaphore] = {}
        self._waiting: deque[Batch] = deque()
        self._flying: list[Batch] = []
        self._reading = 0
        self._threads: list[threading.Thread] = []
        self.failure: BaseException | None = None

    def stop(self) -> None:
        """Stop consuming, and drain. Safe to call from any thread and from a signal handler."""
        self._stop.set()
        self._events.put(_Wake())

    def fail(self, error: BaseException) -> None:
        """Stop, because of `error`; the first one counts."""
        if self.failure is None:
            self.failure = error
        self.stop()

    def run(self) -> None:
        """Run until the sources end, `max_cycle` is reached, or somebody stops it.

        Raises:
            BrokerStoppedError, GeoWatchError: why the flow stopped, if not on request.
        """
        self._start_threads()
        try:
            self._work()
        except BaseException as error:
            self.fail(error)
        self._drain()
        for line in self._delivering.values():
            line.put(None)
        self._settling.put(None)
        for thread in self._threads:
            thread.join(timeout=1)
        if self.failure is not None:
            raise self.failure

    def _start_threads(self) -> None:
        sources: list[Source | None] = [*self._broker.sources]
        for source in sources or [None]:
            self._permits[id(source)] = threading.Semaphore(self._broker.in_flight)
            self._reading += 1
            self._start(lambda source=source: self._read(source), f"read {source}")  # type: ignore[misc]
        for destination in self._delivering:
            self._start(lambda d=destination: self._deliver(d), f"deliver {destination.name}")  # type: ignore[misc]
        self._start(self._settle, "settle")

    def _start(self, target: Callable[[], None], name: str) -> None:
        def guarded() -> None:
            try:
                target()
            except BaseException as error:
                self.fail(error)

        # Daemons: a client that hangs in a call must not keep the process from leaving.
        thread = threading.Thread(target=guarded, name=f"geowatch {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    # --- the worker: the thread that called run -------------------------------------------------

    def _work(self) -> None:
        while not self._stop.is_set() and (self._reading or self._waiting or self._flying):
            self._take(self._events.get())
            while self._waiting and self._may_cycle() and not self._stop.is_set():
                self._cycle(self._waiting.popleft())

    def _may_cycle(self) -> bool:
        return not (self._flying and self._broker.sequential)

    def _take(self, event: _Consumed | _Settled | _Ended | _Wake) -> None:
        match event:
            case _Consumed(batch):
                self._broker.begin(batch)
                self._waiting.append(batch)
            case _Settled(batch):
                self._flying.remove(batch)
                self._permits[id(batch.source)].release()
                self._broker.finish(batch)
            case _Ended():
                self._reading -= 1
            case _Wake():
                pass

    def _cycle(self, batch: Batch) -> None:
        self._flying.append(batch)
        self._broker.work(batch)
        for parcel in batch.launch():
            self._delivering[parcel.destination].put((batch, parcel))
        self._settling.put(batch)

    def _drain(self) -> None:
        """Finish what is in flight within the deadline, and give back everything else."""
        started = time.monotonic()
        patience = 0.0 if self.failure else self._broker.drain_timeout
        self._give_back_waiting()
        while (elapsed := time.monotonic() - started) < max(patience, _READER_GRACE):
            if not (self._reading or (self._flying and elapsed < patience)):
                break
            with suppress(Empty):
                self._take(self._events.get(timeout=0.1))
            self._give_back_waiting()
        self._abandoned.set()
        for batch in list(self._flying):
            if batch.claim():
                self._give_back(batch)
            else:
                self._await_settlement(batch)

    def _await_settlement(self, batch: Batch) -> None:
        """The settler is at this very batch: a moment more decides whether it was acked."""
        deadline = time.monotonic() + _SETTLER_GRACE
        while batch in self._flying and time.monotonic() < deadline:
            with suppress(Empty):
                self._take(self._events.get(timeout=0.1))
        if batch in self._flying:
            self._flying.remove(batch)
            self._broker.give_up(batch)

    def _give_back_waiting(self) -> None:
        while self._waiting:
            self._give_back(self._waiting.popleft())

    def _give_back(self, batch: Batch) -> None:
        if batch in self._flying:
            self._flying.remove(batch)
        if batch.source is not None and batch.consumed:
            batch.source.give_back(batch.consumed)
        self._broker.give_up(batch)

    # --- the other threads ----------------------------------------------------------------------

    def _read(self, source: Source | None) -> None:
        broker, permit, cycles = self._broker, self._permits[id(source)], 0
        try:
            while not self._stop.is_set() and not (
                source is not None and source.consumer.exhausted
            ):
                if not permit.acquire(timeout=0.2):
                    continue
                messages = broker.consume(source, self._stop)
                self._events.put(_Consumed(broker.new_batch(source, messages)))
                cycles += 1
                if cycles == self._max_cycle:
                    break
                if broker.sleep_period:
                    self._stop.wait(broker.sleep_period)
        finally:
            self._events.put(_Ended())

    def _deliver(self, destination: Destination) -> None:
        line = self._delivering[destination]
        while (job := line.get()) is not None:
            batch, parcel = job
            self._broker.deliver(batch, parcel)

    def _settle(self) -> None:
        """Ack batches in order, as many at once as have been answered for."""
        next_one = self._settling.get()
        while next_one is not None:
            next_one.wait(self._abandoned)
            if self._abandoned.is_set():
                return
            ready, next_one = self._ready(next_one)
            claimed = [batch for batch in ready if batch.claim()]
            try:
                self._broker.ack(claimed)
            except BaseException:
                for batch in claimed:
                    batch.unclaim()
                raise
            for batch in claimed:
                self._events.put(_Settled(batch))
            if next_one is None:
                next_one = self._settling.get()

    def _ready(self, first: Batch) -> tuple[list[Batch], Batch | None]:
        """The batches from `first` on that are complete, and the one after them if it is known."""
        ready = [first]
        while True:
            try:
                following = self._settling.get_nowait()
            except Empty:
                return ready, None
            if following is None:
                self._settling.put(None)
                return ready, None
            if not following.complete:
                return ready, following
            ready.append(following)
