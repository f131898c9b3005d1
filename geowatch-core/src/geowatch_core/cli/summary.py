"""The table at the end of a run: what became of every message."""

from __future__ import annotations

from geowatch_core.broker import Broker
from geowatch_core.cli import output
from geowatch_core.cli.progress import FATES

__all__ = ["summary"]


def summary(broker: Broker, ending: str) -> str:
    """What a broker did, as a small table.

    Args:
        broker: its run has ended.
        ending: how it ended, in a word.
    """
    report = broker.report
    rate = f"{report.consumed / report.seconds:,.0f} messages/s" if report.seconds else "-"
    counts = {"consumed": report.consumed}
    if report.created:
        counts["created"] = report.created
    counts["delivered"] = report.delivered
    counts |= {words: getattr(report, fate) for fate, words in FATES.items()}
    counts["tried again"] = report.retries
    done = dict(report.destinations)
    names = [destination.name for destination in broker.destinations]
    arrows = {f"{output.arrow()} {output.printable(name)}": done.get(name, 0) for name in names}
    rows = [*counts.items()]
    after = [name for name, _ in rows].index("delivered") + 1
    rows[after:after] = [(f"  {name}", count) for name, count in arrows.items()]
    width = max(len(f"{count:,}") for _, count in rows)
    lines = output.table([["", name, f"{count:,}".rjust(width)] for name, count in rows])
    title = f"{output.printable(broker.name)}: {ending} after {report.seconds:.1f} s, {rate}"
    return f"{title}\n{lines}"
