"""Takes a week of earthquakes into a topic of Apache Kafka, and the strong ones out of it again."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # for the servers of tools/, whatever folder this is run in

from geowatch_core import Message, hookimpl, provision_brokers  # noqa: E402 - after the path is set
from tools.kafka import VERSION, Kafka, Unavailable  # noqa: E402

OUT = ROOT / "examples/quakes-kafka/out"
QUAKES = ROOT / "examples/quakes/usgs-earthquakes-week.geojson"


class Countdown:
    """Observes a broker, and sets an event when it has settled so many messages."""

    def __init__(self, count: int) -> None:
        self.reached = threading.Event()
        self._left = count

    @hookimpl
    def geowatch_settled(self, broker: object, messages: list[Message]) -> None:
        """Count them; those of the broker that feeds the topic count as well."""
        self._left -= len(messages)
        if self._left <= 0:
            self.reached.set()


def main() -> int:
    """Run both brokers on a Kafka of our own, and print what happened."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    os.chdir(ROOT)
    week = json.loads(QUAKES.read_bytes())["features"]
    strong = {q["id"] for q in week if (q["properties"]["mag"] or 0) >= 4.5}
    with tempfile.TemporaryDirectory() as folder:
        try:
            server = Kafka(Path(folder))
        except Unavailable as error:
            print(f"This demo needs Apache Kafka: {error}")
            return 1
        with server:
            print(f"Apache Kafka {VERSION} listens at {server.host}")
            os.environ["KAFKA"] = server.host
            run(2 * len(week))
    kept = {q["id"] for q in json.loads((OUT / "strong.geojson").read_bytes())["features"]}
    print(f"\nstrong ones in the file: {len(strong)}, in the archive: {len(kept)}")
    print(f"nothing lost, nothing else kept: {kept == strong}")
    return 0 if kept == strong else 1


def run(count: int) -> None:
    """Run both brokers until so many messages were settled by them."""
    countdown = Countdown(count)
    file = ROOT / "examples/quakes-kafka/quakes.toml"
    brokers = provision_brokers(file, plugins=[countdown])
    threads = [threading.Thread(target=broker.run) for broker in brokers]
    for thread in threads:
        thread.start()
    while not countdown.reached.wait(0.2) and all(thread.is_alive() for thread in threads[1:]):
        pass  # the first one ends by itself, with its file
    for broker in brokers:
        broker.stop()
    for thread in threads:
        thread.join()
    for broker in brokers:
        broker.close()
        print(f"{broker.name}: {broker.report} in {broker.report.seconds:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
