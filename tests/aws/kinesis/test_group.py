"""Several processes share a stream: nothing is lost, keys stay in order, zombies are refused."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import provision_consumer
from tests.aws.conftest import raw_client
from tests.aws.kinesis.stream import Stream
from tests.conftest import PROFILE
from tools.local import until

_SEED = 20261129
_MESSAGES, _PATIENCE = (20_000, 1200.0) if PROFILE == "long" else (2_000, 90.0)


class Worker:
    """A process of `tests.aws.kinesis.worker`."""

    def __init__(self, options: dict[str, Any], log: Path, *more: str) -> None:
        command = ["-m", "tests.aws.kinesis.worker", json.dumps(options), str(log), *more]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self.answer() == "ready"

    def answer(self) -> str:
        """The next line that it writes."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, line: str) -> None:
        """Write it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def table(raw: Any) -> Iterator[str]:
    """A group of its own, whose table is deleted afterwards."""
    name = f"g-{random.randrange(1 << 40):x}"
    yield name
    raw("dynamodb").delete_table(TableName=name)


@pytest.fixture
def shared(ending_stream: Stream, table: str, moto_url: str) -> dict[str, Any]:
    """Options of a group whose leases moto's DynamoDB keeps."""
    return {**ending_stream.reading, "group": table, "lease_endpoint_url": moto_url}


def leases(raw: Any, table: str) -> dict[str, dict[str, Any]]:
    """What the table of leases holds, as DynamoDB says."""
    items = raw("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["leaseKey"]["S"]: item for item in items}


def owner_of_an_open_shard(workers: list[Worker], raw: Any, table: str) -> Worker:
    """The first that has something to do: the owner of a lease begins with machine and process."""
    owning: list[Worker] = []

    def found() -> bool:
        owners = {
            int(item["leaseOwner"]["S"].split(":")[1])
            for item in leases(raw, table).values()
            if "leaseOwner" in item
        }
        owning.extend(worker for worker in workers if worker.process.pid in owners)
        return bool(owning)

    until(found, "a worker owns a lease")
    return owning[0]


def test_split_and_merge_under_load_with_a_worker_killed_loses_nothing_and_keeps_order(
    ending_stream: Stream, shared: dict[str, Any], table: str, raw: Any, tmp_path: Path
) -> None:
    """Three workers, a split, a kill, a merge, a split: all arrives, the first time in order."""
    log, sent = tmp_path / "log", threading.Event()
    chance = random.Random(_SEED)
    ending_stream.split()
    keys = [f"k{i}" for i in range(40)]
    counts = dict.fromkeys(keys, 0)
    expected: list[str] = []
    put = 0

    def produce() -> None:
        nonlocal put
        while put < _MESSAGES:
            batch = []
            for key in chance.choices(keys, k=50):
                batch.append((key, f"{key}:{counts[key]}"))
                counts[key] += 1
            ending_stream.put_all(batch)
            expected.extend(text for _, text in batch)
            put += len(batch)
        sent.set()

    def brought() -> list[str]:
        return log.read_text().split() if log.exists() else []

    def reached(count: int) -> bool:
        return len(set(brought())) >= count

    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(shared, log)) for _ in range(3)]
        producing = threading.Thread(target=produce)
        producing.start()
        for step, act in enumerate((ending_stream.split, None, ending_stream.merge)):
            mark = (step + 1) * _MESSAGES // 5
            until(lambda mark=mark: reached(mark), f"{mark} messages arrived", _PATIENCE)
            if act is None:
                killed = owner_of_an_open_shard(workers, raw, table)
                killed.process.kill()
                workers.remove(killed)
            else:
                act()
        producing.join()
        ending_stream.split(1)
        until(lambda: reached(len(expected)), "everything arrived", _PATIENCE)
        for worker in workers:
            worker.process.send_signal(signal.SIGTERM)
            assert worker.answer() == "stopped"
    arrived = brought()
    twice = len(arrived) - len(set(arrived))
    sys.stdout.write(f"seed {_SEED}: {len(expected)} put, {twice} brought twice\n")
    assert set(arrived) == set(expected)
    for key in keys:
        firsts = [int(t.split(":")[1]) for t in dict.fromkeys(arrived) if t.startswith(f"{key}:")]
        assert firsts == list(range(counts[key])), key


def test_the_checkpoint_of_a_zombie_is_refused_and_its_ack_does_no_harm(
    ending_stream: Stream, shared: dict[str, Any], table: str, raw: Any, tmp_path: Path
) -> None:
    """Who slept past its lease acks without an error, and the new owner's checkpoint stays."""
    shared = {**shared, "lease_duration": 4.0}  # a heir that is held up must not lose it as well
    numbers = ending_stream.put([f"m{i}" for i in range(10)])
    with Worker(shared, tmp_path / "log", "by lines") as zombie:
        zombie.ask("consume")
        assert zombie.answer() == "10"
        os.kill(zombie.process.pid, signal.SIGSTOP)
        with provision_consumer("kinesis", **shared) as heir:
            messages: list[Any] = []
            until(
                lambda: messages.extend(heir.consume(100, 0.5)) or len(messages) >= 10,
                "the heir has all messages",
            )
            assert [m.data.decode() for m in messages] == [f"m{i}" for i in range(10)]
            heir.ack(messages[:5])
            os.kill(zombie.process.pid, signal.SIGCONT)
            zombie.ask("ack")
            assert zombie.answer() == "acked"
            (lease,) = leases(raw, table).values()
            assert lease["checkpoint"]["S"] == numbers[4]
            heir.ack(messages[5:])
            (lease,) = leases(raw, table).values()
            assert lease["checkpoint"]["S"] == numbers[9]


def test_a_clean_stop_hands_the_leases_over_at_once(
    ending_stream: Stream, shared: dict[str, Any], table: str, raw: Any
) -> None:
    """After close nobody owns a lease, and the next consumer need not wait for it to run out."""
    long = {**shared, "lease_duration": 3600.0}
    ending_stream.put(["a", "b"])
    with provision_consumer("kinesis", **long) as first:
        messages = first.consume(1, 30)
        first.ack(messages)
        (lease,) = leases(raw, table).values()
        assert "leaseOwner" in lease
    (lease,) = leases(raw, table).values()
    assert "leaseOwner" not in lease
    with provision_consumer("kinesis", **long) as second:
        assert [message.data for message in second.consume(5, 30)] == [b"b"]


def test_workers_come_to_equal_shares(
    ending_stream: Stream, shared: dict[str, Any], table: str, raw: Any
) -> None:
    """Of four shards that one worker reads, a second one takes two, one at a time."""
    ending_stream.split(0)
    ending_stream.split(0)
    ending_stream.split(2)
    # Parents must be dealt with first, which they are once somebody has looked for messages.
    with provision_consumer("kinesis", **shared) as first:

        def shares() -> list[int]:
            first.consume(1, 0.05)
            owners = [
                item["leaseOwner"]["S"]
                for item in leases(raw, table).values()
                if "leaseOwner" in item and item["checkpoint"]["S"] != "SHARD_END"
            ]
            return sorted(owners.count(owner) for owner in set(owners))

        until(lambda: shares() == [4], "the first worker has all four")
        with provision_consumer("kinesis", **shared):
            until(lambda: shares() == [2, 2], "both have two")
        until(lambda: shares() == [4], "the first worker has all four again")


def test_leases_of_another_stream_are_refused(
    ending_stream: Stream, shared: dict[str, Any], kinesalite_url: str
) -> None:
    """A group that reads one stream cannot read another one by the same table."""
    other = Stream(kinesalite_url, f"{ending_stream.name}-other")
    try:
        with (
            provision_consumer("kinesis", **shared),
            pytest.raises(Exception, match="holds leases of the stream") as caught,
        ):
            provision_consumer("kinesis", **{**shared, "topic": other.name, "max_tries": 1})
        assert ending_stream.name in str(caught.value)
        assert "Choose another group" in str(caught.value)
    finally:
        other.close()


def test_leases_of_a_stream_that_was_made_anew_are_refused(
    kinesalite_url: str, tmp_path: Path
) -> None:
    """Positions of a deleted stream would skip messages of the new one of its name."""
    old = Stream(kinesalite_url, f"again-{random.randrange(1 << 40):x}")
    options = {**old.reading, "position": str(tmp_path / "leases.json"), "max_tries": 1}
    with provision_consumer("kinesis", **options):
        pass
    old.close()

    def made() -> int:
        client = raw_client("kinesis", kinesalite_url)
        names = client.list_streams()["StreamNames"]
        client.close()
        return old.name in names

    until(lambda: not made(), "the stream is deleted")
    text = (tmp_path / "leases.json").read_text()
    new = Stream(kinesalite_url, old.name)
    # The service tells them apart by the second that they were made in.
    (tmp_path / "leases.json").write_text(text.replace(f"{old.name}:1", f"{old.name}:2"))
    try:
        with pytest.raises(Exception, match="deleted and made anew"):
            provision_consumer("kinesis", **options)
    finally:
        new.close()
