"""Takes a real week of earthquakes through a broker, and says where each of them went."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

from geowatch_core import Message, hookimpl, provision_broker

HERE = Path(__file__).parent
OUT = HERE / "out"


class CountByMagnitude:
    """Observes the broker, and counts what it delivered by whole magnitude."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    @hookimpl
    def geowatch_delivered(self, destination: str, messages: list[Message]) -> None:
        """Count what the table got; the other destination gets the same."""
        if destination.endswith(".tsv"):
            self.counts.update(int(m.peek()["properties"]["mag"]) for m in messages)


def main() -> None:
    """Run `quakes.toml` and print what happened."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    by_magnitude = CountByMagnitude()
    broker = provision_broker(HERE / "quakes.toml", plugins=[by_magnitude])
    report = broker.run()

    # Counted once more without the library, to tell the two filters apart.
    week = json.loads((HERE / "usgs-earthquakes-week.geojson").read_bytes())["features"]
    weak = sum((quake["properties"]["mag"] or 0) < 4.5 for quake in week)
    print(f"{report.consumed:,} earthquakes of one week:")
    print(f"  {weak:>5,} are weaker than 4.5")
    print(f"  {report.filtered - weak:>5,} of the other {len(week) - weak} lie outside the box")
    print(f"  {report.deduplicated:>5,} had been seen before")
    print(f"  {report.delivered:>5,} were delivered to each of {len(report.destinations)} files:")
    for magnitude, count in sorted(by_magnitude.counts.items()):
        print(f"        magnitude {magnitude}: {'█' * count} {count}")
    print(f"\n{report}")
    print(f"in {report.seconds:.2f} s; nothing lost: {report.conserved}\n")
    for path in sorted(OUT.iterdir()):
        print(f"  {path.relative_to(HERE.parent.parent)} ({path.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
