"""kill -9 at any moment of a flow from or to a stream, and nothing is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.aws import queue
from tests.aws.kinesis.stream import Stream
from tests.aws.kinesis.test_producer import records
from tests.conftest import PROFILE
from tools.aws_server import KEYS
from tools.local import until

PROGRAM = Path(__file__).with_name("kill_child.py")
KILLS = 25 if PROFILE == "long" else 2
ROUND = 200
SEED = 31


class End(ABC):
    """One channel that a flow reads or writes, and ways past the code under test."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self.name = f"kill-{uuid.uuid4().hex[:12]}"
        self.folder = folder
        self.request = request
        self.make()

    @abstractmethod
    def make(self) -> None:
        """Make the channel."""

    def put(self, texts: Sequence[str]) -> None:
        """Put messages into it."""
        raise NotImplementedError

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """Options of a consumer."""

    @abstractmethod
    def destination(self) -> dict[str, Any]:
        """Options of a producer or store."""

    @abstractmethod
    def taken(self) -> list[str]:
        """All that has ever been delivered to it."""


class File(End):
    """A file of lines."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.name

    def make(self) -> None:
        """An empty one."""
        self.path.touch()

    def put(self, texts: Sequence[str]) -> None:
        """Append lines."""
        with self.path.open("a") as file:
            file.writelines(f"{text}\n" for text in texts)

    def source(self) -> dict[str, Any]:
        """Follow it."""
        return {"backend": "file", "path": str(self.path), "follow": True}

    def destination(self) -> dict[str, Any]:
        """Append to it."""
        return {"backend": "file", "role": "producer", "path": str(self.path)}

    def taken(self) -> list[str]:
        """Its whole lines."""
        return self.path.read_bytes().decode().rpartition("\n")[0].split("\n")


class Kinesis(End):
    """A stream of two shards."""

    def make(self) -> None:
        """Make it, on the server that ends shards."""
        self.stream = Stream(self.request.getfixturevalue("kinesalite_url"), self.name, 2)

    def put(self, texts: Sequence[str]) -> None:
        """Each with a key of its own."""
        self.stream.put_all([(text, text) for text in texts])

    def source(self) -> dict[str, Any]:
        """Leases in a file: who starts after a kill waits until those of the dead have run out."""
        quick = {"lease_duration": 0.6, "position": str(self.folder / f"{self.name}.json")}
        return {"backend": "kinesis", **self.stream.reading, **quick}

    def destination(self) -> dict[str, Any]:
        """Put into it."""
        return {"backend": "kinesis", "role": "producer", **self.stream.options}

    def taken(self) -> list[str]:
        """Every record."""
        return [text for _, text in records(self.stream)]


class Sqs(End):
    """A queue."""

    def make(self) -> None:
        """One whose unsettled messages come again after ten seconds."""
        self.client = self.request.getfixturevalue("raw")("sqs")
        given = {"QueueName": self.name, "Attributes": {"VisibilityTimeout": "10"}}
        self.url = self.client.create_queue(**given)["QueueUrl"]
        self._taken: list[str] = []

    def put(self, texts: Sequence[str]) -> None:
        """Send each, ten a call."""
        for batch in (texts[i : i + 10] for i in range(0, len(texts), 10)):
            entries = [{"Id": str(i), "MessageBody": text} for i, text in enumerate(batch)]
            assert not self.client.send_message_batch(QueueUrl=self.url, Entries=entries).get(
                "Failed"
            )

    def _options(self) -> dict[str, Any]:
        url = self.request.getfixturevalue("moto_url")
        return {"backend": "sqs", **KEYS, "endpoint_url": url, "topic": self.name}

    def source(self) -> dict[str, Any]:
        """Receive from it."""
        return self._options()

    def destination(self) -> dict[str, Any]:
        """Send to it."""
        return {"role": "producer", **self._options()}

    def taken(self) -> list[str]:
        """Everything that was received from it so far."""
        self._taken += [message.data.decode() for message in queue.take(self.client, self.url)]
        return list(self._taken)


PAIRS = [(Kinesis, Kinesis), (File, Kinesis), (Kinesis, File), (Kinesis, Sqs), (Sqs, Kinesis)]


def pair(source: type[End], destination: type[End]) -> Any:
    """One pair as a parameter; only the first is in the short profile."""
    marks = [] if (source, destination) == PAIRS[0] else [pytest.mark.long]
    name = f"{source.__name__}-{destination.__name__}".lower()
    return pytest.param((source, destination), id=name, marks=marks)


@pytest.fixture(params=[pair(*each) for each in PAIRS])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[End, End]]:
    """A source and a destination."""
    source, destination = (kind(tmp_path, request) for kind in request.param)
    yield source, destination
    for end in (source, destination):
        if isinstance(end, Kinesis):
            end.stream.close()


class Flow:
    """The flow in a child process, which is working when this has been entered."""

    def __init__(self, source: End, destination: End) -> None:
        given = (json.dumps(source.source()), json.dumps(destination.destination()))
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *given],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def says(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Flow:
        if self.says() != "working":
            self.__exit__()
            raise AssertionError("the flow ended before it had anything to do")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        """SIGTERM, and wait until it has ended."""
        self.process.send_signal(signal.SIGTERM)
        assert self.says() == "stopped"
        assert self.process.wait(60) == 0


def test_kills_at_any_moment_lose_nothing(ends: tuple[End, End]) -> None:
    """Fed and killed again and again while it works, the flow delivers everything that was fed."""
    source, destination = ends
    chance = random.Random(SEED)
    fed: list[str] = []
    for turn in range(KILLS):
        new = [f"{turn}-{number}" for number in range(ROUND)]
        source.put(new)
        fed += new
        with Flow(source, destination) as flow:
            try:
                flow.process.wait(chance.uniform(0, 0.4))
            except subprocess.TimeoutExpired:
                flow.process.kill()
            assert flow.process.wait() == -signal.SIGKILL
    source.put(["last"])  # so that it has work, and says so, even if all was done before
    with Flow(source, destination) as flow:
        arrived: list[str] = []
        until(lambda: arrived_all(arrived, destination, [*fed, "last"]), "all arrived", 90)
        flow.stop()
    counts = Counter(destination.taken())
    twice = sum(counts.values()) - len(counts)
    sys.stdout.write(f"seed {SEED}: {KILLS} kills, {len(fed)} fed, 0 lost, {twice} twice\n")
    assert set(counts) == {*fed, "last"}


def arrived_all(arrived: list[str], destination: End, expected: Sequence[str]) -> bool:
    """Whether everything was delivered."""
    arrived[:] = destination.taken()
    return set(expected) <= set(arrived)


def test_a_clean_stop_loses_nothing_and_brings_nothing_twice(ends: tuple[End, End]) -> None:
    """SIGTERM while it works: what is in flight is finished or given back, not done again."""
    source, destination = ends
    chance = random.Random(SEED)
    fed: list[str] = []
    with ExitStack() as stack:
        for turn in range(max(KILLS // 3, 2)):
            new = [f"{turn}-{number}" for number in range(ROUND)]
            source.put(new)
            fed += new
            flow = stack.enter_context(Flow(source, destination))
            try:
                flow.process.wait(chance.uniform(0, 0.3))
            except subprocess.TimeoutExpired:
                flow.stop()
        source.put(["last"])
        flow = stack.enter_context(Flow(source, destination))
        arrived: list[str] = []
        until(lambda: arrived_all(arrived, destination, [*fed, "last"]), "all arrived", 90)
        flow.stop()
    assert Counter(destination.taken()) == Counter([*fed, "last"])
