"""The page's own idea of extending a broker: a cron job that adds parsed messages to MongoDB."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from geowatch_core import Report, TransformError, provision_broker
from geowatchutil.broker.base import GeoWatchBroker
from tools.local import Unavailable
from tools.mongo_server import MongoServer, program

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/mongo-cron"
WEEK = ROOT / "examples/quakes/usgs-earthquakes-week.geojson"

Quakes = Collection[dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A MongoDB; skips where it cannot be had."""
    try:
        program()
    except Unavailable as error:
        pytest.skip(f"no MongoDB for the example mongo-cron: {error}")
    with MongoServer(tmp_path_factory.mktemp("mongo")) as running:
        yield running


@pytest.fixture
def quakes(server: MongoServer) -> Iterator[Quakes]:
    """The collection of the example, empty, through a client of the test's own."""
    patient = MongoClient[dict[str, Any]](
        server.url, serverSelectionTimeoutMS=30_000, tz_aware=True
    )
    with patient as client:
        client.drop_database("geowatch")
        yield client.geowatch.quakes


@pytest.fixture
def example() -> ModuleType:
    """The example's program, imported."""
    spec = importlib.util.spec_from_file_location("mongo_cron", EXAMPLE / "quakes_to_mongo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tick(
    example: ModuleType, quakes: Quakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Report]:
    """One tick of cron, in this process."""
    monkeypatch.setenv("QUAKES", str(WEEK))
    monkeypatch.setenv("POSITION", str(tmp_path / "position"))

    def run(kind: Any = None) -> Report:
        factory = partial(kind or example.QuakesToMongo, quakes=quakes)
        return provision_broker(EXAMPLE / "quakes.toml", factory=factory).run(max_cycle=1)

    return run


def week() -> dict[str, Any]:
    """The earthquakes of the file by their ids, past GeoWatch."""
    return {quake["id"]: quake for quake in json.loads(WEEK.read_bytes())["features"]}


def test_each_tick_of_cron_takes_what_is_new(
    server: MongoServer, quakes: Quakes, tmp_path: Path
) -> None:
    """Each a process of its own, which ends."""
    position = str(tmp_path / "position")
    environment = os.environ | {"MONGO_URL": server.url, "QUAKES": str(WEEK), "POSITION": position}
    counts, said = [], []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, EXAMPLE / "quakes_to_mongo.py"],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        counts.append(quakes.count_documents({}))
        said.append(done.stdout.partition(" consumed")[0])
    assert counts == [500, 1000]
    assert said == ["500", "500"]


def test_what_was_parsed_can_be_asked_for_by_place(tick: Any, quakes: Quakes) -> None:
    """The index is there, and finds what a count by hand finds."""
    assert [tick().consumed for _ in range(5)] == [500, 500, 500, 207, 0]
    assert quakes.count_documents({}) == 1707
    assert quakes.index_information()["location_2dsphere"]["key"] == [("location", "2dsphere")]
    quake = week()["ci37868143"]
    found = quakes.find_one({"_id": "ci37868143"})
    assert found is not None
    longitude, latitude, depth = quake["geometry"]["coordinates"]
    assert found["location"] == {"type": "Point", "coordinates": [longitude, latitude]}
    assert (found["magnitude"], found["depth_km"]) == (quake["properties"]["mag"], depth)
    assert round(found["time"].timestamp() * 1000) == quake["properties"]["time"]
    corners = [[-125, 32], [-114, 32], [-114, 42], [-125, 42], [-125, 32]]
    box = {"type": "Polygon", "coordinates": [corners]}
    inside = quakes.count_documents({"location": {"$geoWithin": {"$geometry": box}}})
    by_hand = sum(
        -125 < each["geometry"]["coordinates"][0] < -114
        and 32 < each["geometry"]["coordinates"][1] < 42
        for each in week().values()
    )
    assert abs(inside - by_hand) <= 5  # edges of the box are great circles in MongoDB
    assert inside > 300
    near = {"$near": {"$geometry": found["location"], "$maxDistance": 1}}
    assert [each["_id"] for each in quakes.find({"location": near}).limit(1)] == ["ci37868143"]


def test_a_tick_that_died_before_its_ack_is_repeated_without_harm(
    tick: Any, example: ModuleType, quakes: Quakes
) -> None:
    """The same upserts again change nothing."""

    class Dies(example.QuakesToMongo):  # type: ignore[misc,name-defined]  # imported at run time
        def process(self, messages: list[Any]) -> Any:
            super().process(messages)
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, TransformError)):
        tick(Dies)
    before = list(quakes.find().sort("_id"))
    assert len(before) == 500
    assert tick().consumed == 500
    assert list(quakes.find().sort("_id")) == before


def test_an_older_report_never_replaces_a_newer_one(
    example: ModuleType, quakes: Quakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order they come, also within one tick."""
    source = tmp_path / "reports.jsonl"
    monkeypatch.setenv("QUAKES", str(source))
    monkeypatch.setenv("POSITION", str(tmp_path / "position"))
    quake = week()["ci37868143"]

    def report(updated: int, magnitude: float) -> str:
        properties = {**quake["properties"], "updated": updated, "mag": magnitude}
        return json.dumps({**quake, "properties": properties}) + "\n"

    ticks = [report(2000, 2.0) + report(1000, 1.0), report(1500, 1.5), report(3000, 3.0)]
    magnitudes = []
    for text in ticks:
        with source.open("a") as file:
            file.write(text)
        factory = partial(example.QuakesToMongo, quakes=quakes)
        provision_broker(EXAMPLE / "quakes.toml", factory=factory).run(max_cycle=1)
        magnitudes.append([each["magnitude"] for each in quakes.find()])
    assert magnitudes == [[2.0], [2.0], [3.0]]


def test_while_mongodb_is_down_nothing_is_acked(
    tick: Any, example: ModuleType, server: MongoServer, quakes: Quakes
) -> None:
    """The tick fails, and the next one after its return takes the same messages."""
    tick()
    server.kill()
    try:
        with MongoClient[dict[str, Any]](server.url, serverSelectionTimeoutMS=300) as client:

            class Impatient(example.QuakesToMongo):  # type: ignore[misc,name-defined]  # imported at run time
                def __init__(self, *arguments: Any, **given: Any) -> None:
                    given["quakes"] = client.geowatch.quakes
                    super().__init__(*arguments, **given)

                def before_cycle(self) -> None:
                    """The index is there already, and so is what it would wait for."""

            with pytest.raises(TransformError):
                tick(Impatient)
    finally:
        server.start()
    assert quakes.count_documents({}) == 500  # on its disk: it was killed
    assert tick().consumed == 500
    assert quakes.count_documents({}) == 1000


@pytest.mark.filterwarnings("ignore:geowatchutil:DeprecationWarning")
def test_it_extends_the_broker_of_2015_just_as_well(
    tick: Any, example: ModuleType, quakes: Quakes
) -> None:
    """The same class below ``GeoWatchBroker``, whose name the page gives."""

    class Old(example.QuakesToMongo, GeoWatchBroker):  # type: ignore[misc,name-defined]  # imported at run time
        pass

    assert tick(Old).consumed == 500
    assert quakes.count_documents({}) == 500
