"""The example of tile requests does what its page says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tools.local import Unavailable
from tools.memcached_server import program

EXAMPLE = Path(__file__).parents[2] / "examples" / "tiles"


def test_every_place_has_the_counts_of_the_log() -> None:
    """File, object and memcached have what counting the lines by hand gives."""
    try:
        program()
    except Unavailable as missing:
        pytest.skip(str(missing))
    done = subprocess.run(
        [sys.executable, EXAMPLE / "demo.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the same in file, S3, memcached: True" in done.stdout
    lines = (EXAMPLE / "out" / "requests.tsv").read_text().splitlines()
    counts = Counter(tuple(line.split("\t")[1:3]) for line in lines)
    kept = json.loads((EXAMPLE / "out" / "final_stats.json").read_bytes())
    assert kept["total"] == len(lines) == 5_000
    assert {
        (layer, zoom): count
        for layer, zooms in kept["layers"].items()
        for zoom, count in zooms.items()
    } == counts
