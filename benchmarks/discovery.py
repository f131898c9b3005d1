"""What it costs to list 200 installed backends, beside one bare look at the installed metadata.

200 distributions, each with a backend that raises when it is imported, are put in a folder on the
path, beside whatever is installed already. Both sides read the same folders in one process, in
turn; ``importlib_metadata`` is imported before.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import importlib_metadata

from geowatch_core.registry import BACKENDS, Registry

DISTRIBUTIONS = 200
ROUNDS = 15
LIMIT = 1.3


def install(folder: Path, number: int) -> None:
    """Put one distribution there, with one backend."""
    info = folder / f"geowatch_b{number}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: geowatch-b{number}\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(f"[{BACKENDS}]\nb{number} = geowatch_b{number}\n")
    (folder / f"geowatch_b{number}.py").write_text("raise SystemError('imported')\n")


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    """Measure, check that nothing was imported, and print a table."""
    with tempfile.TemporaryDirectory() as name:
        for number in range(DISTRIBUTIONS):
            install(Path(name), number)
        sys.path.insert(0, name)
        known = Registry()
        found = known.backend_names()
        sides: dict[str, Callable[[], object]] = {
            "bare": lambda: importlib_metadata.entry_points(group=BACKENDS),
            "ours": lambda: Registry().backend_names(),
            "again": known.backend_names,
        }
        took: dict[str, list[float]] = {side: [] for side in sides}
        for call in sides.values():
            call()
        for _ in range(ROUNDS):
            for side, call in sides.items():
                took[side].append(seconds(call))
        imported = [module for module in sys.modules if module.startswith("geowatch_b")]
    median = {side: statistics.median(runs) * 1_000 for side, runs in took.items()}
    ratio = median["ours"] / median["bare"]
    print(f"| {len(found)} backends, medians of {ROUNDS} | ms | ratio |")
    print("|---|--:|--:|")
    print(f"| one `entry_points(group=…)` | {median['bare']:.1f} | 1 |")
    print(f"| `Registry().backend_names()`, the first time | {median['ours']:.1f} | {ratio:.2f} |")
    again = median["again"] / median["bare"]
    print(f"| the same registry again | {median['again']:.3f} | {again:.4f} |")
    print(
        f"\nImported by listing: {len(imported)} of them. The goal is a ratio of {LIMIT} at most."
    )


if __name__ == "__main__":
    main()
