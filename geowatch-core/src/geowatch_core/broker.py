"""The broker runs the flow: consume → decode → filter → transform → encode → deliver → ack."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, compress
from typing import Any, Self

from geowatch_core.codec import Codec, Reader
from geowatch_core.consumer import Consumer
from geowatch_core.duplex import Duplex
from geowatch_core.errors import (
    BrokerStoppedError,
    ConfigurationError,
    DecodeError,
    TransformError,
)
from geowatch_core.flow.batch import Batch, Parcel
from geowatch_core.flow.deadletter import Failure, envelope
from geowatch_core.flow.deduplicate import Deduplicate, MemoryWindow, Window
from geowatch_core.flow.destination import Destination
from geowatch_core.flow.pipeline import Flow
from geowatch_core.flow.report import Report
from geowatch_core.flow.retry import Retry
from geowatch_core.flow.screen import Columns, Given, Screen
from geowatch_core.flow.signals import stop_on_signals
from geowatch_core.flow.source import Source
from geowatch_core.flow.store_reader import StoreReader
from geowatch_core.flow.tally import Tally
from geowatch_core.message import Message
from geowatch_core.path import Path
from geowatch_core.producer import Producer
from geowatch_core.role import Role
from geowatch_core.store import Store

__all__ = ["Broker"]

_log = logging.getLogger(__name__)
_RUN = 100
"""Messages decoded at once: more cost memory traffic, fewer cost calls (measured)."""


class Broker:
    """Moves messages from its sources to all of its destinations, and loses none.

    At least once: a source is acked for a message only after every destination confirmed it, or
    after a filter, deduplication or the dead letter has settled it. A message that can go nowhere
    goes to `dead_letter`; without one, the broker stops with nothing acked.

    A context manager: entering opens every channel, leaving closes them. ``run`` does both by
    itself where that was not done. Made to be subclassed: ``before_cycle``, ``process`` and
    ``after_cycle`` are where one's own code goes, and it all runs in the thread that calls ``run``.

    Args:
        name: what reports and logs call it.
        description: what it is for; shown, never read.
        consumers: streams to consume from.
        producers: channels to deliver to.
        duplex: nodes to consume from and deliver to.
        stores_in: stores to read once, as sources that end.
        stores_out: stores to deliver to.
        filter: which messages go on: a `Filter`, a function of the value, or several of these.
        transform: a function from value to value; returning None leaves the message out.
        deduplicate: True, or a `Deduplicate` with what makes messages the same.
        filter_metadata: for each name, the values that a message's header of that name may have,
            or its ``metadata`` member where it has no such header.
        filter_last_one: deliver only the last message of each batch.
        dead_letter: a producer or store for what cannot be delivered.
        retry: how long a destination is tried again.
        count: most messages of a batch.
        timeout: seconds that a cycle waits for messages.
        sleep_period: seconds between cycles.
        in_flight: most batches of one source that are consumed and not settled.
        drain_timeout: seconds after which a stop gives back what is still in flight.
        best_effort: allow destinations none of which keeps what it confirmed.
        window: the memory of `deduplicate`, where it is to be shared with other brokers.
        plugins: objects with hook implementations that observe.
        verbose: log every cycle.

    Raises:
        ConfigurationError: the destinations forget, and `best_effort` was not asked for.
    """

    def __init__(
        self,
        name: str = "broker",
        *,
        description: str = "",
        consumers: Sequence[Consumer] = (),
        producers: Sequence[Producer] = (),
        duplex: Sequence[Duplex] = (),
        stores_in: Sequence[Store] = (),
        stores_out: Sequence[Store] = (),
        filter: Given = None,  # noqa: A002 - the word of the flow
        transform: Callable[[Any], Any] | None = None,
        deduplicate: bool | Deduplicate = False,
        filter_metadata: Mapping[str, Sequence[Any]] | None = None,
        filter_last_one: bool = False,
        dead_letter: Producer | Store | None = None,
        retry: Retry | None = None,
        count: int = 500,
        timeout: float = 1.0,
        sleep_period: float = 0.0,
        in_flight: int = 4,
        drain_timeout: float = 30.0,
        best_effort: bool = False,
        window: Window | None = None,
        plugins: Iterable[object] = (),
        verbose: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self.count = count
        self.timeout = timeout
        self.sleep_period = sleep_period
        self.in_flight = in_flight
        self.drain_timeout = drain_timeout
        self.verbose = verbose
        self.abandoned = threading.Event()
        readers: list[Consumer] = [
            *consumers,
            *(node.consumer for node in duplex),
            *map(StoreReader, stores_in),
        ]
        sinks: list[Producer | Store] = [*producers, *(n.producer for n in duplex), *stores_out]
        if not best_effort:
            _refuse_forgetful(name, sinks)
        self._echo = {id(node.consumer): node.producer for node in duplex}
        retry = retry or Retry()
        self.sources = [
            Source(reader, label, retry, self.abandoned)
            for reader, label in zip(readers, _unique(readers), strict=True)
        ]
        self.destinations = [
            Destination(sink, label, retry, self.abandoned)
            for sink, label in zip(sinks, _unique(sinks), strict=True)
        ]
        self.dead_letter = (
            None
            if dead_letter is None
            else Destination(dead_letter, dead_letter.name, retry, self.abandoned)
        )
        once = Deduplicate() if deduplicate is True else deduplicate or None
        self._window = window or MemoryWindow(once.window if once else 1)
        self._screen = Screen(filter, filter_metadata or {}, once, self._window)
        self._paths = self._screen.paths
        self._transform = transform
        self._last_one = filter_last_one
        self._readers: dict[Codec, Reader] = {}
        self._flow: Flow | None = None
        self._entered = False
        self._tally = Tally(self, plugins)

    # --- one's own code -------------------------------------------------------------------------

    def before_cycle(self) -> None:
        """Called before the messages of a cycle are worked on. To be overridden."""

    def process(self, messages: list[Message]) -> Iterable[Message] | None:
        """Called once a cycle with the messages that passed the filters. To be overridden.

        Return what is to be delivered: the same messages, some of them, changed ones
        (``message.value = …`` or ``message.replace(…)``), new ones (``Message.of(…)``). None means
        all of them. The sources are acked after everything that is returned was confirmed.
        A cycle without messages, after `timeout`, calls it with an empty list.
        """

    def after_cycle(self, messages: list[Message]) -> None:
        """Called when everything of a cycle was confirmed and acked. To be overridden.

        Args:
            messages: what was delivered.
        """

    # --- running --------------------------------------------------------------------------------

    def run(self, max_cycle: int = 0) -> Report:
        """Run until the sources end, ``stop`` is called, or a first SIGTERM or SIGINT arrives.

        Args:
            max_cycle: how often to consume from each source at most; 0 for no limit.

        Returns:
            What became of every message.

        Raises:
            BrokerStoppedError: a message could not be delivered, and there is no dead letter.
            GeoWatchError: a source failed for good, or the caller's own code did.
        """
        if not self._entered:
            with self:
                return self.run(max_cycle)
        started = time.monotonic()
        self.abandoned.clear()
        self._flow = Flow(self, max_cycle)
        self._tally.started()
        try:
            with stop_on_signals(self.stop):
                self._flow.run()
        finally:
            self._flow = None
            self._tally.stopped(time.monotonic() - started)
        return self.report

    @property
    def report(self) -> Report:
        """What became of every message of the run that is on, or was the last."""
        return self._tally.report

    def stop(self) -> None:
        """Have ``run`` stop consuming, finish or give back what is in flight, and return."""
        if self._flow is not None:
            self._flow.stop()

    def receive_message(self, value: Any) -> None:
        """Push one message in by hand, as if it had been consumed: see `receive_messages`."""
        self.receive_messages([value])

    def receive_messages(self, values: Iterable[Any]) -> list[Message]:
        """Push messages in by hand, and return when every destination has confirmed them.

        Args:
            values: values, or messages.

        Returns:
            What was delivered, after filters, transform and ``process``.

        Raises:
            BrokerStoppedError: a destination refused one, and there is no dead letter.
        """
        given = [value if isinstance(value, Message) else Message.of(value) for value in values]
        if not self._entered:
            with self:
                return self.receive_messages(given)
        batch = self.new_batch(None, given)
        self.begin(batch)
        try:
            self.work(batch)
            for parcel in batch.launch():
                self.deliver(batch, parcel)
            self.ack([batch])
        except BaseException:
            self.give_up(batch)
            raise
        return self.finish(batch)

    def __enter__(self) -> Self:
        opened: list[Any] = []
        try:
            for role in self._roles():
                opened.append(role)
                role.open()
        except BaseException:
            for role in opened:
                role.close()
            raise
        self._entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every channel. What was not settled is given back."""
        self._entered = False
        for role in self._roles():
            role.close()

    # --- the seven stages -----------------------------------------------------------------------

    def consume(self, source: Source | None, stopped: threading.Event) -> list[Message]:
        """The next batch of a source, waiting at most ``timeout``; empty if there is none."""
        if source is None:
            stopped.wait(self.timeout)
            return []
        return source.consume(self.count, self.timeout, stopped)

    def decode(
        self, batch: Batch, run: Sequence[Message]
    ) -> tuple[list[Message], dict[Path, list[Any]]]:
        """The messages that are what their codec promises, and what the filters need of them."""
        if batch.source is None:
            columns = {p: [p.find(m.peek()) for m in run] for p in self._paths}
            return list(run), columns
        codec = batch.source.consumer.codec
        if codec not in self._readers:
            self._readers[codec] = codec.reader(self._paths)
        reading = self._readers[codec]([message.data for message in run])
        if not reading.errors:
            return list(run), dict(zip(self._paths, reading.columns, strict=True))
        for index, error in reading.errors.items():
            batch.failures.append(Failure(run[index], error, 1, "decode"))
        good = [index not in reading.errors for index in range(len(run))]
        return list(compress(run, good)), {
            path: list(compress(column, good))
            for path, column in zip(self._paths, reading.columns, strict=True)
        }

    def filter(self, batch: Batch, run: list[Message], columns: Columns) -> list[Message]:
        """The messages that go on: past the filters, and not seen before."""
        return self._screen.passed(batch, run, columns)

    def transform(self, batch: Batch, run: list[Message]) -> list[Message]:
        """The messages with the values that the transform function made of theirs."""
        if self._transform is None:
            return run
        kept = []
        for message in run:
            try:
                value = self._transform(message.value)
            except Exception as error:
                batch.failures.append(_transform_failure(message, error))
                continue
            if value is None:
                batch.filtered += 1
            else:
                message.value = value
                kept.append(message)
        return kept

    def encode(self, batch: Batch, run: list[Message]) -> None:
        """Add the messages to what each destination is to get, in that destination's codec."""
        done: dict[Codec, tuple[list[Message], list[Message]]] = {}
        for parcel in batch.parcels:
            sink = parcel.destination.sink
            if sink.codec not in done:
                encoded, refused = sink.encode(run)
                owners = [m for i, m in enumerate(run) if i not in refused] if refused else run
                batch.failures += [
                    Failure(run[i], error, 1, "encode")
                    for i, error in refused.items()
                    if isinstance(error, Exception)
                ]
                done[sink.codec] = owners, encoded
            owners, encoded = done[sink.codec]
            parcel.owners.extend(owners)
            parcel.encoded.extend(encoded)

    def deliver(self, batch: Batch, parcel: Parcel) -> None:
        """Deliver a parcel, retrying what may succeed later, until its destination answered."""
        batch.answered(parcel.destination.deliver(parcel.owners, parcel.encoded))

    def ack(self, batches: Sequence[Batch]) -> None:
        """Have the sources remember that these batches are done, each source at once for all."""
        by_source: dict[int, list[Batch]] = {}
        for batch in batches:
            self._bury(batch)
            by_source.setdefault(id(batch.source), []).append(batch)
        for group in by_source.values():
            source = group[0].source
            messages = list(chain.from_iterable(batch.consumed for batch in group))
            if source is not None and messages:
                source.ack(messages)
        self._window.confirm([identity for batch in batches for identity in batch.reserved])

    # --- what the flow calls --------------------------------------------------------------------

    @property
    def sequential(self) -> bool:
        """Whether a cycle must end before the next begins: its own code may count on that."""
        own = type(self)
        return (
            own.before_cycle is not Broker.before_cycle or own.after_cycle is not Broker.after_cycle
        )

    def new_batch(self, source: Source | None, messages: Sequence[Message]) -> Batch:
        """A batch with an empty parcel for each destination that may get it."""
        echo = self._echo.get(id(source.consumer)) if source else None
        return Batch(source, messages, [Parcel(d) for d in self.destinations if d.sink is not echo])

    def work(self, batch: Batch) -> None:
        """Take a batch through decode, filter, transform, ``process`` and encode."""
        self.before_cycle()
        whole = type(self).process is not Broker.process or self._last_one
        for start in range(0, len(batch.consumed), _RUN):
            run = batch.consumed[start : start + _RUN]
            good, columns = self.decode(batch, run)
            going = self.transform(batch, self.filter(batch, good, columns))
            batch.kept += going
            if not whole:
                self.encode(batch, going)
        if whole:
            self._process(batch)
            self.encode(batch, batch.kept)

    def begin(self, batch: Batch) -> None:
        """A batch has been consumed."""
        self._tally.consumed(batch)

    def finish(self, batch: Batch) -> list[Message]:
        """A batch was acked: the cycle ends. What of it was delivered."""
        delivered = self._tally.settled(batch)
        if self.verbose:
            _log.info("%s: %s", self.name, self.report)
        self.after_cycle(delivered)
        return delivered

    def give_up(self, batch: Batch) -> None:
        """A batch goes back to its source; its redelivery must not count as seen before."""
        self._tally.given_back(batch)
        self._window.release(batch.reserved)

    # --- helpers --------------------------------------------------------------------------------

    def _bury(self, batch: Batch) -> None:
        """Deliver to the dead letter what could not go on.

        Raises:
            BrokerStoppedError: there is no dead letter, or it did not take them either.
        """
        failures = batch.undelivered
        if not failures:
            return
        if self.dead_letter is None:
            raise _stopped(failures[0], len(failures), "There is no dead letter")
        letters = list(map(envelope, failures))
        refused = self.dead_letter.deliver(letters, letters)
        if refused:
            raise _stopped(failures[0], len(refused), f"The dead letter failed: {refused[0].error}")

    def _process(self, batch: Batch) -> None:
        if self._last_one:
            batch.filtered += max(len(batch.kept) - 1, 0)
            batch.kept = batch.kept[-1:]
        before = len(batch.kept)
        returned = self.process(batch.kept)
        after = batch.kept if returned is None else list(returned)
        theirs = min(sum(message.origin is not None for message in after), before)
        if batch.source is None:
            theirs = min(len(after), before)
        batch.created += len(after) - theirs
        batch.filtered += before - theirs
        batch.kept = after

    def _roles(self) -> list[Consumer | Producer | Store]:
        dead = [self.dead_letter.sink] if self.dead_letter else []
        return [*(s.consumer for s in self.sources), *(d.sink for d in self.destinations), *dead]


def _transform_failure(message: Message, error: Exception) -> Failure:
    if isinstance(error, DecodeError):
        return Failure(message, error, 1, "decode")
    failed = TransformError(
        f"transform raised {type(error).__name__}: {error}",
        fix="Mend it, or have a dead letter take such messages.",
    )
    failed.__cause__ = error
    return Failure(message, failed, 1, "transform")


def _stopped(failure: Failure, count: int, why: str) -> BrokerStoppedError:
    message = failure.message
    source = message.origin.name if message.origin else "a message made by hand"
    stopped = BrokerStoppedError(
        f"{count} message(s) cannot go on, the first of {source} at position "
        f"{message.position!r}: {failure.where}: {failure.error} {why}",
        fix="Mend the cause and run again, or give the broker a dead_letter. Nothing was acked.",
    )
    stopped.__cause__ = failure.error
    return stopped


def _refuse_forgetful(name: str, sinks: Sequence[Producer | Store]) -> None:
    if sinks and not any(sink.capabilities.durable for sink in sinks):
        raise ConfigurationError(
            f"Every destination of {name} may forget what it confirmed",
            got=[sink.name for sink in sinks],
            fix="Add one that keeps it, or say best_effort=True.",
        )


def _unique(roles: Sequence[Role]) -> list[str]:
    """Their names, each further one of a kind with its number: reports count by name."""
    seen: dict[str, int] = {}
    unique = []
    for name in (role.name for role in roles):
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
