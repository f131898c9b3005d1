"""Routes from a configuration: memcached beside what keeps, alone, and as the shared memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import (
    Broker,
    ConfigurationError,
    Deduplicate,
    OptionsError,
    provision_broker,
    provision_consumer,
    provision_producer,
    provision_store,
)
from geowatch_core.cli import main
from geowatch_core.config import check_config
from tests.memcached.raw import Raw
from tools.memcached_server import MemcachedServer

ROUTE = """
[[brokers]]
name = "quakes"
{more}
[[brokers.consumers]]
backend = "file"
path = "{folder}/in.jsonl"
codec = "json"
{sinks}
[[brokers.stores_out]]
backend = "memcached"
host = "127.0.0.1"
port = {port}
key = "{key}"
codec = "json"
which = "last"
"""
FILE = """
[[brokers.producers]]
backend = "file"
path = "{folder}/out.jsonl"
codec = "json"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with messages."""
    lines = [json.dumps({"n": n % 4}) + "\n" for n in range(8)]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    return tmp_path


def configured(folder: Path, port: int, key: str, more: str = "", sinks: str = "") -> Path:
    """The file of a configuration."""
    path = folder / "route.toml"
    sinks = sinks.format(folder=folder)
    path.write_text(ROUTE.format(folder=folder, port=port, key=key, more=more, sinks=sinks))
    return path


def test_memcached_as_the_only_destination_is_refused(
    folder: Path, memcached: MemcachedServer, raw: Raw, key: str
) -> None:
    """Check and run name the store and best_effort, and nothing is moved."""
    path = configured(folder, memcached.port, key)
    (mistake,) = check_config(str(path)).mistakes
    assert f"memcached:{key}" in str(mistake)
    assert "best_effort" in str(mistake)
    with pytest.raises(OptionsError, match="may forget what it confirmed"):
        provision_broker(str(path))
    assert raw.get(key) is None


def test_check_calls_it_best_effort(
    folder: Path, memcached: MemcachedServer, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With best_effort = true it passes, and is called what it is, with the reason."""
    path = configured(folder, memcached.port, key, "best_effort = true")
    assert main(["check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "best effort" in said
    assert f"memcached:{key} may forget what it confirmed" in said
    assert "at least once" not in said


def test_best_effort_route_runs(
    folder: Path, memcached: MemcachedServer, raw: Raw, key: str
) -> None:
    """What was asked for is done: the last message of the batch stands under the key."""
    path = configured(folder, memcached.port, key, "best_effort = true")
    assert main(["run", str(path)]) == 0
    assert raw.get(key) == b'{"n": 3}'


def test_memcached_beside_a_file_is_at_least_once(
    folder: Path, memcached: MemcachedServer, raw: Raw, key: str
) -> None:
    """One destination that keeps is enough, and the check says so."""
    path = configured(folder, memcached.port, key, sinks=FILE)
    checked = check_config(str(path))
    assert checked.mistakes == ()
    assert str(checked.routes[0].guarantee).startswith("at least once")
    assert provision_broker(str(path)).run().delivered == 8
    assert raw.get(key) == b'{"n": 3}'


@pytest.mark.parametrize("append", ["false", "true"])
def test_memcached_as_dead_letter_is_refused(
    folder: Path, memcached: MemcachedServer, key: str, append: str
) -> None:
    """What cannot be delivered must not be forgotten, whether letters are added or replaced."""
    letters = f'dead_letter = {{ backend = "memcached", key = "letters", append = {append} }}'
    path = configured(folder, memcached.port, key, letters, FILE)
    said = " ".join(map(str, check_config(str(path)).mistakes))
    assert "dead letter of quakes" in said


SHARED = (
    'deduplicate = {{ key = "n", shared = {{ backend = "memcached", host = "127.0.0.1", '
    'port = {port}, key = "{key}-seen" }} }}'
)


def test_configurations_that_name_one_place_deduplicate_together(
    folder: Path, memcached: MemcachedServer, key: str
) -> None:
    """What one broker has delivered, the other leaves out; both sources are done."""
    more = SHARED.format(port=memcached.port, key=key)
    reports = []
    for name in ("one", "two"):
        own = folder / name
        own.mkdir()
        (own / "in.jsonl").write_text((folder / "in.jsonl").read_text())
        path = configured(own, memcached.port, key, more, FILE)
        assert check_config(str(path)).mistakes == ()
        reports.append(provision_broker(str(path)).run())
    assert [(each.delivered, each.deduplicated) for each in reports] == [(4, 4), (0, 8)]
    assert (folder / "one/out.jsonl").read_text().count("\n") == 4
    assert not (folder / "two/out.jsonl").exists() or not (folder / "two/out.jsonl").read_text()


def test_numbers_and_members_are_the_same_in_every_broker(
    folder: Path, memcached: MemcachedServer, key: str
) -> None:
    """1 and 1.0 are one key, and so are objects whose members come in another order."""
    for name, lines in (
        ("one", ['{"n": 1}', '{"n": {"a": 1, "b": [2.0]}}', '{"n": "1"}', '{"n": true}']),
        ("two", ['{"n": 1.0}', '{"n": {"b": [2], "a": 1}}', '{"n": "1"}', '{"n": null}', "{}"]),
    ):
        (folder / name).mkdir()
        (folder / name / "in.jsonl").write_text("\n".join([*lines, ""]))
        more = SHARED.format(port=memcached.port, key=key)
        report = provision_broker(
            str(configured(folder / name, memcached.port, key, more, FILE))
        ).run()
        assert report.delivered == (4 if name == "one" else 2)


@pytest.mark.parametrize(
    ("shared", "said"),
    [
        ('{ backend = "file", path = "seen" }', "a store of file cannot remember what was seen"),
        ('{ backend = "memcached", kye = "seen" }', "Did you mean key?"),
        ('"memcached"', "Expected a table, got a text"),
    ],
)
def test_wrong_shared_memory_is_named(
    folder: Path, memcached: MemcachedServer, key: str, shared: str, said: str
) -> None:
    """A mistake in it is found by the check, at its place."""
    more = f"deduplicate = {{ shared = {shared} }}"
    path = configured(folder, memcached.port, key, more, FILE)
    found = list(map(str, check_config(str(path)).mistakes))
    assert any(said in each and "brokers[0].deduplicate.shared" in each for each in found), found


def files(folder: Path) -> dict[str, Any]:
    """A source and a destination."""
    path = {"path": str(folder / "in.jsonl"), "codec": "json"}
    out = {"path": str(folder / "out.jsonl"), "codec": "json"}
    return {
        "consumers": [provision_consumer("file", **path)],
        "producers": [provision_producer("file", **out)],
    }


def test_broker_in_python_takes_a_store_or_a_window(
    folder: Path, memcached: MemcachedServer, key: str
) -> None:
    """`shared=` and `window=` are the same memory; the broker opens and closes it."""
    store = provision_store("memcached", key=key, host="127.0.0.1", port=memcached.port)
    first = Broker(**files(folder), deduplicate=Deduplicate(key="n", shared=store))
    assert first.run().delivered == 4
    (folder / "in.jsonl").rename(folder / "old.jsonl")
    (folder / "in.jsonl.position").unlink()
    (folder / "in.jsonl").write_text((folder / "old.jsonl").read_text())
    with provision_store("memcached", key=key, host="127.0.0.1", port=memcached.port) as other:
        second = Broker(**files(folder), deduplicate=Deduplicate(key="n"), window=other.window())
        assert second.run().deduplicated == 8


def test_store_that_has_no_window_is_refused(folder: Path) -> None:
    """The error says what to take instead."""
    store = provision_store("file", path=str(folder / "seen"), codec="json")
    with pytest.raises(ConfigurationError, match="whose capabilities say windows"):
        Broker(**files(folder), deduplicate=Deduplicate(shared=store))
    store.close()
