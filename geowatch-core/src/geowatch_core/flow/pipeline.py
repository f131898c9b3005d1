"""One run of a broker: its threads, what is in flight, and how it ends.

Consuming, working and delivering overlap, each in threads of its own:

.. code-block:: text

    reader (one a source) → worker (the caller's thread) → deliverer (one a destination) → settler
            consume              decode … encode                   deliver                   ack

User code (filters, transforms, ``process``, the cycle methods, hooks) runs in the caller's thread
only. What is consumed and not settled is bounded for each source, and so is memory, whatever the
backlog. Batches are settled in the order in which they were consumed.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from geowatch_core.flow.allowance import Allowance
from geowatch_core.flow.batch import Batch, Parcel, by_source
from geowatch_core.flow.destination import Destination
from geowatch_core.flow.seen import StoppedWaitingError
from geowatch_core.flow.source import Source

if TYPE_CHECKING:
    from geowatch_core.broker import Broker

__all__ = ["Flow"]

_MOMENT = 0.1
"""Most seconds until the worker looks whether it shall stop."""
_READER_GRACE = 2.0
"""Seconds for readers to notice a stop; consumers return from a wait well within."""
_SETTLER_GRACE = 5.0
"""Seconds for an ack that has begun to return: only it knows what will come again."""


class _Consumed(msgspec.Struct, frozen=True):
    batch: Batch


class _Settled(msgspec.Struct, frozen=True):
    batch: Batch


class _Ended(msgspec.Struct, frozen=True):
    """A source has nothing more to bring, or may bring no more."""


class _Wake(msgspec.Struct, frozen=True):
    """Somebody asked the run to stop, or a thread failed: look."""


_Event = _Consumed | _Settled | _Ended | _Wake
_Job = tuple[Batch, Parcel]


class Flow:
    """One run of a broker.

    Args:
        broker: its stages, and what it is made of.
        max_cycle: how often each source is consumed from at most; 0 for no limit.
    """

    def __init__(self, broker: Broker, max_cycle: int) -> None:
        self._broker = broker
        self._max_cycle = max_cycle
        self._stopping = False
        self._stopped = threading.Event()
        self._abandoned = broker.abandoned
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._settling: SimpleQueue[Batch | None] = SimpleQueue()
        self._delivering: dict[Destination, SimpleQueue[_Job | None]] = {
            destination: SimpleQueue() for destination in broker.destinations
        }
        self._allowances: dict[int, Allowance] = {}
        self._waiting: deque[Batch] = deque()
        self._flying: list[Batch] = []
        self._reading = 0
        self._threads: list[threading.Thread] = []
        self.failure: BaseException | None = None

    @property
    def stopping(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._stopping

    def stop(self) -> None:
        """Stop consuming, and drain.

        Safe to call from any thread and from a signal handler, which may have interrupted this very
        method: it takes no lock. The worker tells the readers, as soon as it looks.
        """
        self._stopping = True
        self._events.put(_Wake())

    def fail(self, error: BaseException) -> None:
        """Stop, because of `error`, and wait for nothing more; the first one counts."""
        if self.failure is None:
            self.failure = error
        self._abandoned.set()
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
        for thread in self._threads:
            thread.join(timeout=1)
        if self.failure is not None:
            raise self.failure

    def _start_threads(self) -> None:
        self._settler = self._start(self._settle, "settle")
        for destination in self._delivering:
            self._start(partial(self._deliver, destination), f"deliver {destination.name}")
        sources: list[Source | None] = [*self._broker.sources]
        for source in sources or [None]:
            self._allowances[id(source)] = Allowance(self._broker.in_flight)
            self._reading += 1
            self._start(partial(self._read, source), f"read {source.name if source else 'nothing'}")

    def _start(self, target: Callable[[], None], name: str) -> threading.Thread:
        def guarded() -> None:
            try:
                target()
            except BaseException as error:
                self.fail(error)

        # Daemons: a client that hangs in a call must not keep the process from leaving.
        thread = threading.Thread(target=guarded, name=f"geowatch {name}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    # --- the worker: the thread that called run -------------------------------------------------

    def _work(self) -> None:
        while not self._stopping and (self._reading or self._waiting or self._flying):
            self._take(self._event())
            while self._waiting and self._may_cycle() and not self._stopping:
                self._cycle(self._waiting.popleft())

    def _event(self) -> _Event:
        """The next event, soon: a signal that comes just before a wait begins does not end it."""
        try:
            return self._events.get(timeout=_MOMENT)
        except Empty:
            return _Wake()

    def _may_cycle(self) -> bool:
        return not (self._flying and self._broker.sequential)

    def _take(self, event: _Event) -> None:
        match event:
            case _Consumed(batch):
                self._waiting.append(batch)
                self._broker.begin(batch)
            case _Settled(batch):
                self._flying.remove(batch)
                self._allowances[id(batch.source)].settled()
                self._broker.finish(batch)
            case _Ended():
                self._reading -= 1
            case _Wake():
                pass

    def _cycle(self, batch: Batch) -> None:
        self._flying.append(batch)
        try:
            self._broker.work(batch)
        except StoppedWaitingError:
            self._waiting.appendleft(self._flying.pop())
            return
        for parcel in batch.launch():
            self._delivering[parcel.destination].put((batch, parcel))
        self._settling.put(batch)

    def _drain(self) -> None:
        """Finish what is in flight within the deadline, and give back everything else."""
        self._stopped.set()
        for allowance in self._allowances.values():
            allowance.end()
        started = time.monotonic()
        self._take_while(lambda: self._reading > 0, started + _READER_GRACE)
        self._take_while(self._unfinished, started + self._broker.drain_timeout)
        self._abandoned.set()
        for batch in self._flying:
            batch.abandon()
        for line in self._delivering.values():
            line.put(None)
        self._settling.put(None)
        self._settler.join(_SETTLER_GRACE)
        self._take_while(lambda: not self._events.empty(), math.inf)
        self._give_back([*self._flying, *self._waiting])

    def _unfinished(self) -> bool:
        return bool(self._reading or self._flying) and not self._abandoned.is_set()

    def _take_while(self, busy: Callable[[], bool], deadline: float) -> None:
        """Take events as long as `busy`; what an observer raises fails the run, and no more."""
        while busy() and time.monotonic() < deadline:
            self._guarded(self._take, self._event())

    def _guarded(self, do: Callable[..., None], *given: object) -> None:
        try:
            do(*given)
        except BaseException as error:
            self.fail(error)

    def _give_back(self, batches: Sequence[Batch]) -> None:
        """Give back to each source everything at once, so that it comes again in order."""
        for source, group in by_source(batches):
            messages = [message for batch in group for message in batch.consumed]
            # A settler that hangs in an ack would keep us here: then they come again by themselves.
            if source is not None and messages and not self._settler.is_alive():
                self._guarded(source.give_back, messages)
        for batch in batches:
            self._guarded(self._broker.give_up, batch)

    # --- the other threads ----------------------------------------------------------------------

    def _read(self, source: Source | None) -> None:
        broker, allowance, cycles = self._broker, self._allowances[id(source)], 0
        try:
            while allowance.take() and not self._ended(source):
                messages = broker.consume(source, self._stopped)
                self._events.put(_Consumed(broker.new_batch(source, messages)))
                cycles += 1
                if cycles == self._max_cycle:
                    break
                if broker.sleep_period:
                    self._stopped.wait(broker.sleep_period)
        finally:
            self._events.put(_Ended())

    def _ended(self, source: Source | None) -> bool:
        return self._stopping or (source is not None and source.consumer.exhausted)

    def _deliver(self, destination: Destination) -> None:
        line = self._delivering[destination]
        ended = False
        while not ended:
            jobs, ended = _together(line, one=not destination.merges)
            if jobs and not self._abandoned.is_set():
                self._broker.deliver(jobs)

    def _settle(self) -> None:
        """Ack batches in order, as many at once as have been answered for."""
        next_one = self._settling.get()
        while next_one is not None:
            next_one.wait()
            if self._abandoned.is_set():
                return
            ready, next_one = self._ready(next_one)
            try:
                self._broker.ack(ready)
            finally:
                for batch in ready:
                    if batch.acked:
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


def _together(line: SimpleQueue[_Job | None], *, one: bool) -> tuple[list[_Job], bool]:
    """All that waits, or only one, and whether nothing more will come.

    What a filter left of several batches fills the calls of a service better than each alone, and
    a service is paid and limited by the call.
    """
    jobs: list[_Job] = []
    try:
        while (job := line.get(block=not jobs)) is not None:
            jobs.append(job)
            if one:
                return jobs, False
    except Empty:
        return jobs, False
    return jobs, True
