"""What ``import geowatch_core`` costs beyond starting the interpreter, and what of that is its own.

Each program runs in a process of its own, in turn, so that a busy moment hits all of them alike.
Bytecode is compiled before, as it is on every start but the first.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 21
LIMIT = 60.0
PROGRAMS = {
    "the interpreter alone": "pass",
    "attrs, msgspec, pluggy, logging": "import attrs, msgspec, pluggy, logging",
    "geowatch_core": "import geowatch_core",
}


def milliseconds(program: str, environment: dict[str, str]) -> float:
    """How long one run of a program takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return (time.perf_counter() - started) * 1_000


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        took: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for program in PROGRAMS.values():
            milliseconds(program, environment)
        for _ in range(ROUNDS):
            for name, program in PROGRAMS.items():
                took[name].append(milliseconds(program, environment))
    start = took["the interpreter alone"]
    print(f"| Python {sys.version.split()[0]}, {ROUNDS} runs | median ms | best ms |")
    print("|---|--:|--:|")
    print(f"| {'the interpreter alone'} | {statistics.median(start):.1f} | {min(start):.1f} |")
    for name in list(PROGRAMS)[1:]:
        beyond = [run - statistics.median(start) for run in took[name]]
        best = min(took[name]) - min(start)
        print(f"| `import {name}`, beyond that | {statistics.median(beyond):.1f} | {best:.1f} |")
    print(f"\nThe goal is at most {LIMIT:.0f} ms for `import geowatch_core`.")


if __name__ == "__main__":
    main()
