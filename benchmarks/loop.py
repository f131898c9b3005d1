"""Memory to memory: a broker against the loop that its user would write by hand.

The messages are the USGS week's features with nine of their properties, about 275 bytes each. Both
sides decode every message, keep those of magnitude 1.2 or more (about half), and hand on the bytes.
The hand-written loop works on plain lists, decodes with orjson and encodes again; the broker goes
through the memory backend with the ``geojson`` codec, which also checks every feature against
RFC 7946, and settles every message.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from geowatch_core import Broker, Message, provision, where
from geowatch_core.codec import Codec
from geowatch_core.filter import Filter

QUAKES = Path(__file__).parent.parent / "examples/quakes/usgs-earthquakes-week.geojson"
PROPERTIES = ("mag", "place", "time", "status", "net", "magType", "type", "sig", "tz")
KEEP = 1.2
MESSAGES = 100_000
ROUNDS = 7


def features() -> list[bytes]:
    """`MESSAGES` features, the week over and over."""
    week = json.loads(QUAKES.read_bytes())["features"]
    small = [
        {**quake, "properties": {name: quake["properties"][name] for name in PROPERTIES}}
        for quake in week
    ]
    encoded = [orjson.dumps(quake) for quake in small]
    return [encoded[i % len(encoded)] for i in range(MESSAGES)]


def by_hand(data: list[bytes]) -> int:
    """Decode with orjson, test one property, encode again."""
    out: list[bytes] = []
    loads, dumps = orjson.loads, orjson.dumps
    for item in data:
        feature = loads(item)
        magnitude = feature["properties"]["mag"]
        if magnitude is not None and magnitude >= KEEP:
            out.append(dumps(feature))
    return len(out)


def with_broker(
    data: list[bytes], codec: str | Codec, chosen: Filter | Callable[[Any], bool] | None
) -> tuple[float, int]:
    """Seconds of a run over all of `data`, and how many messages were delivered."""
    from geowatch_core.memory import _driver

    _driver.clear()
    with provision("memory", "producer", topic="in") as loader:
        loader.deliver([Message(item) for item in data])
    source = provision("memory", "consumer", topic="in", codec=codec, until_empty=True)
    target = provision("memory", "producer", topic="out", codec=codec)
    broker = Broker("bench", consumers=[source], producers=[target], filter=chosen)
    gc.collect()
    started = time.perf_counter()
    report = broker.run()
    return time.perf_counter() - started, report.delivered


def function(value: Any) -> bool:
    """The same test as a Python function."""
    magnitude = value["properties"]["mag"]
    return magnitude is not None and bool(magnitude >= KEEP)


def timed_by_hand(data: list[bytes]) -> tuple[float, int]:
    """Seconds of the loop, and how many messages it kept."""
    gc.collect()
    started = time.perf_counter()
    kept = by_hand(data)
    return time.perf_counter() - started, kept


def main() -> None:
    """Print the table of `benchmarks/README.md`."""
    data = features()
    declarative = where("properties.mag") >= KEEP
    contenders: dict[str, Callable[[], tuple[float, int]]] = {
        "by hand: orjson loads, test, dumps": lambda: timed_by_hand(data),
        "geojson, declarative filter": lambda: with_broker(data, "geojson", declarative),
        "geojson, the filter as a function": lambda: with_broker(data, "geojson", function),
        "json, declarative filter": lambda: with_broker(data, "json", declarative),
        "json, the filter as a function": lambda: with_broker(data, "json", function),
        "plain, no filter": lambda: with_broker(data, "plain", None),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    kept: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            took, kept[name] = run()
            seconds[name].append(took)
    base = seconds["by hand: orjson loads, test, dumps"]
    print(f"{MESSAGES:,} messages of {sum(map(len, data)) / len(data):.0f} bytes, ", end="")
    print(f"median of {ROUNDS} interleaved runs, Python {sys.version.split()[0]}\n")
    print("| who | µs a message | of the loop by hand | delivered |")
    print("|---|---|---|---|")
    for name, took in seconds.items():
        ratio = statistics.median(b / t for b, t in zip(base, took, strict=True))
        each = statistics.median(took) / MESSAGES * 1e6
        print(f"| {name} | {each:.2f} | {ratio:.2f} | {kept[name]:,} |")


if __name__ == "__main__":
    main()
