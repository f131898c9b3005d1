"""GeoWatch and its rivals as services that are surprised by a backlog, and one clock for all.

The processes of a contender are a group that waits on an empty topic. The features are put there
in one transaction, so that all of them appear at the moment of its commit. From then on it counts
until the servers have the group's commits of everything; then the target holds what it should.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
)

from benchmarks.kafka_bed import PARTITIONS, Bench
from benchmarks.kafka_loop import KEEP
from tools.local import cache, until

HERE = Path(__file__).parent
CONTENDERS = ("GeoWatch", "by hand", "mq-bridge", "Quix Streams", "FastStream")
PROCESSES = (1, 2)
ROUTE = """
[[brokers]]
name = "race"
filter = {{ path = "properties.mag", ge = {keep} }}

[[brokers.consumers]]
backend = "kafka"
host = "{host}"
topic = "{source}"
group = "{group}"
codec = "geojson"

[[brokers.producers]]
backend = "kafka"
host = "{host}"
topic = "{target}"
codec = "geojson"
"""


def race(bench: Bench, folder: Path, rounds: int, only: str) -> None:
    """All contenders in turn, with one process and with two, again and again."""
    names = [name for name in CONTENDERS if only in name]
    rates: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name in names:
            for processes in PROCESSES:
                took = one(bench, folder, name, processes)
                rates[name, processes].append(bench.count / took)
    print("| who | one process | two processes |")
    print("|---|--:|--:|")
    for name in names:
        each = (f"{statistics.median(rates[name, count]):,.0f}" for count in PROCESSES)
        print(f"| {name} | {' | '.join(each)} |", flush=True)


def one(bench: Bench, folder: Path, name: str, processes: int) -> float:
    """The seconds of one contender for the whole backlog."""
    source, target, group = bench.topic(), bench.topic(), uuid.uuid4().hex
    commands = started(name, processes, folder, bench.host, source, target, group)
    with running(commands, folder / "said.log"):
        until(lambda: members(bench, group) == processes, f"{name} waits", 60)
        appear = transaction(bench.host, source, bench.data)
        began = time.perf_counter()
        appear.commit_transaction(30)
        until(lambda: committed(bench, group), f"{name} has committed", 120)
        took = time.perf_counter() - began
    delivered = bench.held(target)
    if delivered != bench.expected:
        raise RuntimeError(f"{name}: {delivered} delivered, not {bench.expected}")
    bench.drop(source)
    bench.drop(target)
    return took


@contextmanager
def running(commands: Sequence[Sequence[object]], said: Path) -> Iterator[None]:
    """Processes, which are stopped in the end. If that is an error, what they said is printed."""
    with said.open("wb") as log:
        processes = [
            subprocess.Popen([*map(str, command)], stdout=log, stderr=log) for command in commands
        ]
    try:
        yield
    except BaseException:
        print(said.read_text(errors="replace")[-2000:], file=sys.stderr)
        raise
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def started(
    name: str, processes: int, folder: Path, host: str, source: str, target: str, group: str
) -> list[list[object]]:
    """The commands of a contender."""
    if name == "GeoWatch":
        route = folder / f"{group}.toml"
        given = {"host": host, "source": source, "target": target, "group": group, "keep": KEEP}
        route.write_text(ROUTE.format(**given))
        command = [sys.executable, "-m", "geowatch_core", "run", route]
        return [[*command, "--workers", processes] if processes > 1 else command]
    python = sys.executable if name == "by hand" else rivals_python()
    return processes * [[python, HERE / "kafka_rivals.py", name, host, source, target, group]]


def members(bench: Bench, group: str) -> int:
    """How many members a group has, each with its share of the partitions; 0 while it is unsure."""
    try:
        found = bench.admin.describe_consumer_groups([group])[group].result()
    except KafkaException:
        return 0
    shares = [len(member.assignment.topic_partitions) for member in found.members]
    fair = all(share == PARTITIONS // len(shares) for share in shares)
    return len(shares) if fair and found.state is ConsumerGroupState.STABLE else 0


def transaction(host: str, topic: str, data: Sequence[bytes]) -> Producer:
    """One that has put everything in, and is not committed."""
    settings = {"bootstrap.servers": host, "linger.ms": 20, "transactional.id": uuid.uuid4().hex}
    producer = Producer(settings)
    producer.init_transactions(30)
    producer.begin_transaction()
    Bench.put(producer, topic, data)
    time.sleep(1)  # the server is at rest again
    return producer


def committed(bench: Bench, group: str) -> bool:
    """Whether a group has committed everything."""
    asked = [ConsumerGroupTopicPartitions(group)]
    found = bench.admin.list_consumer_group_offsets(asked)[group].result().topic_partitions
    return len(found) == PARTITIONS and all(
        each.offset >= bench.count // PARTITIONS for each in found
    )


def rivals_python() -> Path:
    """A Python that has the rivals, made once."""
    folder = cache() / "rivals"
    python, wanted = folder / "bin/python", HERE / "rivals.txt"
    made = folder / wanted.name
    if not made.exists() or made.read_text() != wanted.read_text():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
        made.write_text(wanted.read_text())
    return python
