"""The broker runs the flow: consume → decode → filter → transform → encode → deliver → ack."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import Any, Self

from geowatch_core.consumer import Consumer
from geowatch_core.duplex import Duplex
from geowatch_core.errors import TransformError
from geowatch_core.flow.batch import Batch, Parcel, by_source
from geowatch_core.flow.deadletter import bury
from geowatch_core.flow.decoder import Columns, Decoder
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.flow.destination import Destination
from geowatch_core.flow.encoder import encode
from geowatch_core.flow.failure import raised
from geowatch_core.flow.pipeline import Flow
from geowatch_core.flow.process import processed
from geowatch_core.flow.report import Report
from geowatch_core.flow.retry import Retry
from geowatch_core.flow.route import (
    refuse_forgetful,
    refuse_losing_letters,
    refuse_no_room,
    unique_names,
)
from geowatch_core.flow.screen import Given, Screen
from geowatch_core.flow.seen import Seen
from geowatch_core.flow.signals import stop_on_signals
from geowatch_core.flow.source import Source
from geowatch_core.flow.store_reader import StoreReader
from geowatch_core.flow.tally import Tally
from geowatch_core.message import Message
from geowatch_core.producer import Producer
from geowatch_core.store import Store
from geowatch_core.window import Window

__all__ = ["Broker"]

_log = logging.getLogger(__name__)


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
        in_flight: most batches of one source that are consumed and not settled; if not given, as
            many as were settled within the last quarter of a second, from 4 to 16.
        drain_timeout: seconds after which a stop gives back what is still in flight.
        best_effort: allow destinations none of which keeps what it confirmed.
        window: the memory of `deduplicate`, where it is to be shared with other brokers.
        plugins: objects with hook implementations that observe.
        verbose: log every cycle.

    Raises:
        ConfigurationError: the destinations forget, and `best_effort` was not asked for; or a batch
            has no room for a message.
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
        count: int = 1000,
        timeout: float = 1.0,
        sleep_period: float = 0.0,
        in_flight: int | None = None,
        drain_timeout: float = 30.0,
        best_effort: bool = False,
        window: Window | None = None,
        plugins: Iterable[object] = (),
        verbose: bool = False,
    ) -> None:
        refuse_no_room(count=count, in_flight=in_flight)
        self.name = name
        self.description = description
        self.count = count
        self.timeout = timeout
        self.sleep_period = sleep_period
        self.in_flight = in_flight
        self.drain_timeout = drain_timeout
        self.verbose = verbose
        self.abandoned = threading.Event()
        duplex_in = (node.consumer for node in duplex)
        readers: list[Consumer] = [*consumers, *duplex_in, *map(StoreReader, stores_in)]
        sinks: list[Producer | Store] = [*producers, *(n.producer for n in duplex), *stores_out]
        self._echo = {id(node.consumer): node.producer for node in duplex}
        refuse_losing_letters(name, dead_letter)
        if not best_effort:
            for echo in (None, *(node.producer for node in duplex)):
                refuse_forgetful(name, [sink for sink in sinks if sink is not echo])
            refuse_forgetful(f"the dead letter of {name}", [dead_letter] if dead_letter else [])
        retry = retry or Retry()
        self.sources = [
            Source(reader, label, retry, self.abandoned)
            for reader, label in zip(readers, unique_names(readers), strict=True)
        ]
        self.destinations = [
            Destination(sink, label, retry, self.abandoned)
            for sink, label in zip(sinks, unique_names(sinks), strict=True)
        ]
        self.dead_letter = None
        if dead_letter is not None:
            self.dead_letter = Destination(dead_letter, dead_letter.name, retry, self.abandoned)
        once = Deduplicate() if deduplicate is True else deduplicate or None
        self._seen = Seen(once, window, retry, self.abandoned, lambda: self._flow)
        self._screen = Screen(filter, filter_metadata or {}, once, self._seen)
        self._transform = transform
        asks = self._screen.asks_for_values
        whole = transform is not None if asks is None else asks
        converts = len({role.codec for role in (*readers, *sinks)}) > 1
        values = self._screen.looks or transform is not None or converts
        self._decoder = Decoder(self._screen.paths, whole=whole, values=values)
        self._last_one = filter_last_one
        # What a filter was given it has not changed: what came is what is delivered.
        changes = transform is not None or self._overrides("process")
        self._looks = self._screen.looks and not changes
        self._flow: Flow | None = None
        self._entered = False
        self._tally = Tally(self, plugins)
        # Values are kept past their encoding only for those who may look at them: thousands of
        # decoded features in flight cost more in memory traffic than decoding them did.
        self._watched = self._tally.observed or self._overrides("after_cycle")

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
            TransformError: ``process`` raised. What other code of the caller's raises (the cycle
                methods, observers) comes out as it is.
            ServiceError: a source failed for good.
        """
        if not self._entered:
            with self:
                return self.run(max_cycle)
        started = time.monotonic()
        self.abandoned.clear()
        self._flow = Flow(self, max_cycle)
        try:
            self._tally.started()
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
        if self._flow is None:
            self.abandoned.clear()  # by a run that has ended
        batch = self.new_batch(None, given)
        try:
            self.begin(batch)
            self.work(batch)
            for parcel in batch.launch():
                self.deliver([(batch, parcel)])
            self.ack([batch])
        except BaseException:
            self.give_up(batch)
            raise
        return self.finish(batch)

    def __enter__(self) -> Self:
        with self._closing() as if_one_fails:
            for role in self._roles():
                role.open()
            if_one_fails.pop_all()
        self._entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every channel, even where one fails to. What was not settled is given back."""
        self._entered = False
        self._closing().close()

    # --- the seven stages -----------------------------------------------------------------------

    def consume(self, source: Source | None, stopped: threading.Event) -> list[Message]:
        """The next batch of a source, waiting at most ``timeout``; empty if there is none."""
        if source is None:
            stopped.wait(self.timeout)
            return []
        return source.consume(self.count, self.timeout, stopped)

    def decode(self, batch: Batch, run: Sequence[Message]) -> tuple[list[Message], Columns]:
        """The messages that are what their codec promises, and what the filters need of them."""
        return self._decoder.decode(batch, run)

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
                batch.failures.append(raised("transform", TransformError, message, error))
                continue
            if value is None:
                batch.filtered += 1
            else:
                message.value = value
                kept.append(message)
        return kept

    def encode(self, batch: Batch, run: list[Message]) -> None:
        """Add the messages to what each destination is to get, in that destination's codec."""
        encode(batch, run)

    def deliver(self, jobs: Sequence[tuple[Batch, Parcel]]) -> None:
        """Deliver what waits for one destination, retrying what may succeed later."""
        parcels = [parcel for _, parcel in jobs]
        failures = parcels[0].destination.deliver(parcels)
        for (batch, _), failed in zip(jobs, failures, strict=True):
            batch.answered(failed)

    def ack(self, batches: Sequence[Batch]) -> None:
        """Have the sources remember that these batches are done, each source at once for all."""
        for batch in batches:
            bury(batch.undelivered, self.dead_letter)
        self._seen.confirm(batches)  # every destination has them, whatever becomes of the ack
        for source, group in by_source(batches):
            messages = list(chain.from_iterable(batch.consumed for batch in group))
            if source is not None and messages:
                source.ack(messages)
            for batch in group:
                batch.acked = True

    # --- what the flow calls --------------------------------------------------------------------

    @property
    def sequential(self) -> bool:
        """Whether a cycle must end before the next begins: its own code may count on that."""
        return self._overrides("before_cycle", "after_cycle")

    def new_batch(self, source: Source | None, messages: Sequence[Message]) -> Batch:
        """A batch with an empty parcel for each destination that may get it."""
        echo = self._echo.get(id(source.consumer)) if source else None
        return Batch(source, messages, [Parcel(d) for d in self.destinations if d.sink is not echo])

    def work(self, batch: Batch) -> None:
        """Take a batch through decode, filter, transform, ``process`` and encode."""
        self.before_cycle()
        whole = self._last_one or self._overrides("process")
        runs = self._decoder.runs(batch)
        passing = ((run, self.filter(batch, *self.decode(batch, run))) for run in runs)
        for run, new in self._screen.unseen(batch, passing):
            going = self.transform(batch, new)
            batch.kept += going
            if self._looks:
                batch.release(run)
            if not whole:
                self.encode(batch, going)
                if self._transform is not None and not self._watched:
                    batch.release(run)
        if whole:
            if self._last_one:
                batch.replace(batch.kept[-1:])
            batch.replace(processed(self.process, batch.kept))
            self.encode(batch, batch.kept)

    def begin(self, batch: Batch) -> None:
        """Note that a batch has been consumed."""
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
        self._seen.release(batch)

    # --- helpers --------------------------------------------------------------------------------

    def _overrides(self, *methods: str) -> bool:
        return any(getattr(type(self), name) is not getattr(Broker, name) for name in methods)

    def _closing(self) -> ExitStack:
        closing = ExitStack()
        for role in self._roles():
            closing.callback(role.close)
        return closing

    def _roles(self) -> list[Consumer | Producer | Store | Window]:
        dead = [self.dead_letter] if self.dead_letter else []
        sinks = (destination.sink for destination in (*self.destinations, *dead))
        return [*(source.consumer for source in self.sources), *sinks, *self._seen.ends]
