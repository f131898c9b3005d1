"""Bounded memory and speed, whatever is in the file."""

import json
import os
from pathlib import Path

from tests.core.file.files import run

PROGRAM = """
import json, resource, sys, time
from geowatch_core import PermanentError
from tests.core.file.files import consumer
source = consumer(sys.argv[1], remember=False).open()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.monotonic()
count, error = 0, ""
try:
    while not source.exhausted:
        batch = source.consume(500, 0)
        source.ack(batch)
        count += len(batch)
except PermanentError as refused:
    error = str(refused)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([count, error, grown, time.monotonic() - started]))
"""


def test_a_line_of_a_gigabyte_is_refused_before_memory_goes(tmp_path: Path) -> None:
    """It stops at 16 MiB of the line, soon, with a message that says where it is."""
    path = tmp_path / "in"
    path.write_bytes(b"good\n")
    os.truncate(path, 1 << 30)
    done = run(PROGRAM, path)
    count, error, grown, seconds = json.loads(done.stdout or done.stderr)
    assert count == 1
    assert "max_line = 16777216 bytes" in error
    assert "byte 5" in error
    assert grown < 64 * 1024  # KiB
    assert seconds < 10


def test_memory_is_flat_whatever_the_size_of_the_file(tmp_path: Path) -> None:
    """A hundred times as many lines need no more memory."""
    path = tmp_path / "in"
    line = b"x" * 299 + b"\n"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(line * 3_000)
    done = run(PROGRAM, path)
    count, error, grown, _ = json.loads(done.stdout or done.stderr)
    assert (count, error) == (300_000, "")
    assert grown < 16 * 1024  # KiB, for 90 MB
