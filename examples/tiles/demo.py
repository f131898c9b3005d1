"""Counts the tile requests of a log by layer and zoom: file, Kinesis, counts in three places."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import boto3

HERE = Path(__file__).parent
sys.path.insert(
    0, str(HERE.parents[1])
)  # for the servers of tools/, whatever folder this is run in

from examples.tiles.requests_log import COLUMNS, write  # noqa: E402
from geowatch_core import Broker, Message, provision  # noqa: E402
from tools.aws_server import KEYS, moto  # noqa: E402
from tools.local import Unavailable  # noqa: E402
from tools.memcached_server import MemcachedServer  # noqa: E402

OUT = HERE / "out"
REQUESTS = 5_000
ROWS = {"name": "list", "columns": list(COLUMNS)}


class TileStatistics(Broker):
    """Counts what comes by layer and zoom, and has the counts so far delivered in its place."""

    def __init__(self, *, until: int, **options: Any) -> None:
        super().__init__("tile-statistics", **options)
        self.counts: Counter[tuple[str, int]] = Counter()
        self._until = until

    def process(self, messages: list[Message]) -> list[Message]:
        """The counts, as one message; what they were counted from goes nowhere else."""
        self.counts.update((m.value["layer"], int(m.value["z"])) for m in messages)
        return [Message.of(self.statistics())] if messages else []

    def after_cycle(self, messages: list[Message]) -> None:
        """End when the whole log has been counted; a broker in production goes on."""
        if self.counts.total() >= self._until:
            self.stop()

    def statistics(self) -> dict[str, Any]:
        """What the stores keep."""
        layers: dict[str, dict[str, int]] = {}
        for (layer, zoom), count in sorted(self.counts.items()):
            layers.setdefault(layer, {})[str(zoom)] = count
        return {"total": self.counts.total(), "layers": layers}


def fill(stream: dict[str, Any]) -> None:
    """Take the log to the stream, as whatever watches a tile server would."""
    log = OUT / "requests.tsv"
    write(log, REQUESTS)
    Broker(
        "tile-requests",
        consumers=[provision("file", "consumer", path=log, codec=ROWS, remember=False)],
        producers=[provision("kinesis", "producer", **stream, partition_key="layer", shards=2)],
    ).run()


def count(stream: dict[str, Any], servers: dict[str, Any]) -> dict[str, Any]:
    """Count what the stream holds, into a file, an object and memcached; what each has then."""
    aws = {**KEYS, "endpoint_url": stream["endpoint_url"]}
    requests = provision(
        "kinesis", "consumer", **stream, group="tile-statistics", shard_it_type="TRIM_HORIZON"
    )
    first = {"codec": "json", "which": "first"}
    bucket = {**aws, "aws_bucket": "tilejet"}
    stores = {
        "file": provision("file", "store", path=OUT / "final_stats.json", **first),
        "S3": provision("s3", "store", **bucket, key="final_stats.json", **first),
        "memcached": provision("memcached", "store", key="stats_tilerequests", **servers, **first),
    }
    with TileStatistics(
        until=REQUESTS, consumers=[requests], stores_out=list(stores.values())
    ) as broker:
        print(broker.run())
        return {name: store.read()[0].value for name, store in stores.items()}


def main() -> None:
    """Start the servers, run both brokers, and print what was counted."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        server, url = moto(Path(folder))
        with server, MemcachedServer(Path(folder)) as memcached:
            make_bucket(url)
            stream = {**KEYS, "endpoint_url": url, "topic": "tilerequests", "topic_check": True}
            fill({**stream, "codec": ROWS})
            kept = count({**stream, "codec": ROWS}, {"servers": [memcached.address]})
    show(kept)


def make_bucket(url: str) -> None:
    """A store does not make its bucket: who may is seldom who writes."""
    names = {"region_name": "aws_region"} | {key: key for key in KEYS if key != "aws_region"}
    s3 = boto3.client(
        "s3", endpoint_url=url, **{theirs: KEYS[ours] for theirs, ours in names.items()}
    )
    s3.create_bucket(Bucket="tilejet")
    s3.close()


def show(kept: dict[str, Any]) -> None:
    """Print the statistics, and whether every place has the same."""
    statistics = kept["file"]
    print(f"\n{statistics['total']:,} tile requests by layer and zoom:")
    for layer, zooms in statistics["layers"].items():
        total = sum(zooms.values())
        most = max(zooms, key=lambda zoom: zooms[zoom])
        print(f"  {layer:<12} {total:>6,}  {'█' * round(40 * total / statistics['total'])}")
        print(
            f"  {'':<12} {'':>6}  zooms {min(zooms, key=int)} to {max(zooms, key=int)}, {most} most"
        )
    same = all(value == statistics for value in kept.values())
    print(f"\nthe same in {', '.join(kept)}: {same}")


if __name__ == "__main__":
    try:
        main()
    except Unavailable as missing:
        sys.exit(f"{missing}; without it there is nothing to show here")
