"""Runs several brokers at once, and stops them together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from geowatch_core.broker import Broker
from geowatch_core.flow.signals import stop_on_signals

__all__ = ["Team"]

_TICK = 0.25
"""Seconds between two looks at how the brokers do."""


class Team:
    """Runs brokers, each in a thread of its own, until all of them have ended.

    Signals come to the main thread only, so it waits, and hands the first one on to all brokers.
    Where one broker fails, the others are stopped as well: a process that has lost one of its
    routes and goes on as if nothing were the matter is noticed too late.

    Args:
        brokers: they are closed when they have ended.
        max_cycle: how often each consumes from each of its sources at most; 0 for no limit.

    Attributes:
        failures: by the name of the broker, why it did not end well.
        stopped: whether the brokers were asked to stop.
    """

    def __init__(self, brokers: Sequence[Broker], max_cycle: int = 0) -> None:
        self.failures: dict[str, BaseException] = {}
        self.stopped = False
        self._brokers = brokers
        self._max_cycle = max_cycle

    def run(self, look: Callable[[], None]) -> None:
        """Return when all brokers have ended.

        Args:
            look: called a few times a second, in this thread.
        """
        threads = [
            threading.Thread(target=self._run, args=(broker,), name=f"broker {broker.name}")
            for broker in self._brokers
        ]
        with stop_on_signals(self.stop):
            for thread in threads:
                thread.start()
            while alive := [thread for thread in threads if thread.is_alive()]:
                look()
                alive[0].join(_TICK)
                if self.stopped:
                    # Again at every look: a broker that has only just begun did not hear the last.
                    for broker in self._brokers:
                        broker.stop()

    def stop(self) -> None:
        """Have all brokers stop. Safe in a signal handler: it waits for no lock."""
        self.stopped = True

    def _run(self, broker: Broker) -> None:
        try:
            broker.run(self._max_cycle)
        except BaseException as error:
            self.failures[broker.name] = error
            self.stop()
        finally:
            broker.close()
