"""Runs the benchmarks, each in a process of its own: ``make bench``, or with names of some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
QUICK = ("loop", "discovery", "import_time")


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all that take less than a minute."""
    for name in names or QUICK:
        print(f"\n## {name}\n", flush=True)
        subprocess.run([sys.executable, HERE / f"{name}.py"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
