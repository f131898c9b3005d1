"""Shows how far brokers are: live on a terminal, as plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from geowatch_core.broker import Broker
from geowatch_core.cli import output
from geowatch_core.flow.report import Report
from geowatch_core.hookspec import hookimpl

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["FATES", "Meter", "Progress", "shown"]

_SPAN = 5.0
"""Seconds that a rate is taken over."""
_EVERY = 1.0
"""Seconds between two plain lines of a broker, at least."""
FATES = {
    "filtered": "filtered",
    "deduplicated": "deduplicated",
    "dead_lettered": "dead-lettered",
    "given_back": "given back",
}
"""What becomes of messages that are not delivered, as a report names it and in words."""


class Meter:
    """What one broker has done so far, and how fast."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.state = "running"
        self._samples: deque[tuple[float, int, int]] = deque([(time.monotonic(), 0, 0)])

    @property
    def report(self) -> Report:
        """The counts at this moment."""
        return self.broker.report

    @property
    def retries(self) -> int:
        """How many messages were tried once more."""
        return sum(destination.retries for destination in self.broker.destinations)

    def rates(self) -> tuple[float, float]:
        """Consumed and delivered messages a second, of late."""
        now, report = time.monotonic(), self.report
        while len(self._samples) > 1 and now - self._samples[1][0] > _SPAN:
            self._samples.popleft()
        then, consumed, delivered = self._samples[0]
        self._samples.append((now, report.consumed, report.delivered))
        seconds = max(now - then, 0.001)
        return (report.consumed - consumed) / seconds, (report.delivered - delivered) / seconds


class Progress:
    """Observes brokers. It is asked once a run, never once a batch: the counts are there anyway."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    @property
    def meters(self) -> list[Meter]:
        """One for each broker that has begun to run."""
        return list(self._meters.values())

    @hookimpl
    def geowatch_started(self, broker: Any) -> None:
        """Follow a broker from here on."""
        self._meters[broker.name] = Meter(broker)

    @hookimpl
    def geowatch_stopped(self, broker: Any) -> None:
        """Show that it has ended."""
        self._meters[broker.name].state = "ended"


@contextmanager
def shown(progress: Progress) -> Iterator[Callable[[], None]]:
    """While inside, progress is shown whenever what this gives is called."""
    if sys.stdout is not None and sys.stdout.isatty():
        try:
            import rich
        except ImportError:
            rich = None  # type: ignore[assignment]  # the extra [cli] is not installed
        if rich is not None:
            with _live(progress) as show:
                yield show
            return
    yield _Lines(progress).show


class _Lines:
    """One line for each broker that has gone on, about once a second."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._next = time.monotonic() + _EVERY
        self._said: dict[str, str] = {}

    def show(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY
        for meter in self._progress.meters:
            counts = _counts(meter)
            rates = meter.rates()
            if self._said.get(meter.broker.name) != counts:
                self._said[meter.broker.name] = counts
                speed = f"{rates[0]:,.0f} consumed/s, {rates[1]:,.0f} delivered/s"
                output.tell(f"{output.printable(meter.broker.name)}: {counts}; {speed}")


def _counts(meter: Meter) -> str:
    report = meter.report
    counts = {"consumed": report.consumed, "delivered": report.delivered}
    fates = {words: getattr(report, fate) for fate, words in FATES.items()}
    counts |= {words: count for words, count in fates.items() if count}
    if meter.retries:
        counts["tried again"] = meter.retries
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


@contextmanager
def _live(progress: Progress) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    live = Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stderr=sys.stderr is not None and sys.stderr.isatty(),
    )
    with live:
        console.show_cursor(True)  # a second signal leaves without giving it back
        yield lambda: live.update(_table(progress), refresh=True)


def _table(progress: Progress) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("consumed", "/s", "delivered", "/s", "filtered", "deduped", "dead", "retries"):
        table.add_column(name, justify="right")
    for meter in progress.meters:
        report, (coming, going) = meter.report, meter.rates()
        fates = (report.filtered, report.deduplicated, report.dead_lettered, meter.retries)
        counts = (report.consumed, coming, report.delivered, going, *fates)
        # As Text: a name is not markup.
        title = Text(output.printable(meter.broker.name), "bold", overflow="ellipsis", no_wrap=True)
        table.add_row(title, *(f"{count:,.0f}" for count in counts))
        done = dict(report.destinations)
        for destination in meter.broker.destinations:
            label = f"  {output.arrow()} {output.printable(destination.name)}"
            count = f"{done.get(destination.name, 0):,}"
            table.add_row(Text(label, overflow="ellipsis", no_wrap=True), "", "", count)
    return table
