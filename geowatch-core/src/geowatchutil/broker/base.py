"""The broker of 2015, which today's is a better one of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from geowatch_core import Broker, Duplex, Message, Report
from geowatchutil._deprecated import deprecated
from geowatchutil.node.base import GeoWatchNode
from geowatchutil.store.base import GeoWatchStore

__all__ = ["GeoWatchBroker"]


class GeoWatchBroker(Broker):
    """``geowatch_core.Broker`` under the arguments and methods of 2015.

    It takes the nodes and stores of this package, and those of `geowatch_core` as well. What is
    overridden in a subclass is called as it was: ``_pre`` before a cycle, ``_post`` after it with
    the values of its messages. Between two runs its channels stay open, until ``close``.

    Args:
        name: what reports and logs call it.
        description: what it is for.
        consumers, producers, duplex: nodes.
        stores_in: stores to read, once for each run.
        stores_out: stores to write.
        count: most messages of a cycle.
        timeout: seconds that a cycle waits for messages.
        threads: nothing, as in 2015.
        sleep_period: seconds between cycles.
        deduplicate, filter_metadata, filter_last_one, verbose: as for a broker of today.
    """

    def __init__(
        self,
        name: str | None = None,
        description: str | None = None,
        consumers: Sequence[Any] | None = None,
        producers: Sequence[Any] | None = None,
        duplex: Sequence[Any] | None = None,
        stores_in: Sequence[Any] | None = None,
        stores_out: Sequence[Any] | None = None,
        count: int = 1,
        timeout: float = 5,
        threads: int = 1,
        sleep_period: float = 5,
        deduplicate: bool = False,
        filter_metadata: Mapping[str, Sequence[Any]] | None = None,
        filter_last_one: bool = False,
        verbose: bool = False,
        **more: Any,
    ) -> None:
        deprecated("broker.base.GeoWatchBroker", "geowatch_core.Broker")
        self.threads = threads
        self.nodes = [*(consumers or ()), *(producers or ()), *(duplex or ())]
        out: dict[str, Any] = {
            "producers": [_role(node, "producer") for node in producers or ()],
            "duplex": [_both(node) for node in duplex or ()],
            "stores_out": [_role(store, "store") for store in stores_out or ()],
            "best_effort": True,  # in 2015 a cache alone would do
        }
        super().__init__(
            name or "broker",
            description=description or "",
            consumers=[_role(node, "consumer") for node in consumers or ()],
            stores_in=[_role(store, "store") for store in stores_in or ()],
            count=count,
            timeout=timeout,
            sleep_period=sleep_period,
            deduplicate=deduplicate,
            filter_metadata=filter_metadata,
            filter_last_one=filter_last_one,
            verbose=verbose,
            **{**out, **more},
        )
        self._ends = out
        self._deliver_none = False
        self._passed: list[Any] = []

    def run(self, max_cycle: int = 0, run_cycle_out: bool = True) -> Report:
        """Run as ``Broker.run``; the channels stay open for the next run.

        Args:
            max_cycle: how often to consume from each source at most; 0 for no limit.
            run_cycle_out: whether to deliver; ``_post`` gets the messages either way.
        """
        self._deliver_none = not run_cycle_out
        self._stay_open()
        return super().run(max_cycle)

    def receive_message(self, message: Any = None, filter_messages: bool = True) -> None:
        """Push one message in by hand, and return when it is delivered."""
        self.receive_messages([message], filter_messages)

    def receive_messages(
        self, messages: Iterable[Any] | None = None, filter_messages: bool = True
    ) -> list[Message]:
        """Push messages in by hand, and return when they are delivered.

        Args:
            messages: values.
            filter_messages: whether they are filtered as others are.
        """
        self._stay_open()
        if filter_messages:
            return super().receive_messages(messages or ())
        delivered = self._unfiltered.receive_messages(messages or ())
        self._post(messages=[message.peek() for message in delivered])
        return delivered

    def delete_topics(self) -> None:
        """Delete the topics of all nodes, with all that they hold."""
        self._stay_open()
        for node in self.nodes:
            for role in (node.consumer, node.producer) if isinstance(node, Duplex) else (node,):
                role.delete_topic()

    def process(self, messages: list[Message]) -> Iterable[Message] | None:
        """Note what passed the filters, for ``_post``."""
        self._passed = [message.peek() for message in messages]
        return () if self._deliver_none else None

    def before_cycle(self) -> None:
        """Call ``_pre``."""
        self._pre()

    def after_cycle(self, messages: list[Message]) -> None:
        """Call ``_post``."""
        self._post(messages=self._passed)

    def _pre(self) -> None:
        """Called before a cycle. To be overridden."""

    def _post(self, messages: list[Any] | None = None) -> None:
        """Called after a cycle with the values that passed the filters. To be overridden."""

    def _stay_open(self) -> None:
        if not self._entered:
            self.__enter__()

    @cached_property
    def _unfiltered(self) -> Broker:
        """The same destinations, without the filters."""
        return Broker(self.name, **self._ends).__enter__()


def _role(given: Any, role: str) -> Any:
    """Today's consumer, producer or store of one of 2015; others as they are."""
    return getattr(given, role) if isinstance(given, GeoWatchNode | GeoWatchStore) else given


def _both(given: Any) -> Duplex:
    return given.duplex if isinstance(given, GeoWatchNode) else given
