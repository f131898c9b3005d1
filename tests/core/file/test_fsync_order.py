"""What is on disk before a call returns, proven from the system calls of a child process."""

from pathlib import Path

import pytest

from tests.core.file.strace import calls, traced

SAY = "import os, sys\nsay = lambda text: os.write(2, text.encode())\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the traced files only."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def between(log: Path, folder: Path, start: str, end: str) -> list[str]:
    """The calls between two things that the program said."""
    found = list(calls(log, folder))
    return found[found.index(f"said {start}") + 1 : found.index(f"said {end}")]


def test_an_append_is_synced_before_it_is_confirmed(folder: Path, tmp_path: Path) -> None:
    """write, fsync of the file, and of the folder when the file was new; then the outcome."""
    program = f"""{SAY}
from tests.core.file.files import messages, producer
with producer(sys.argv[1]) as sink:
    say("open")
    sink.deliver(messages(b"a"))
    say("first")
    sink.deliver(messages(b"b"))
    say("second")
"""
    log = tmp_path / "log"
    done = traced(log, program, folder / "out")
    assert done.returncode == 0, done.stderr
    opened = list(calls(log, folder))
    assert opened[: opened.index("said open")] == ["fsync out", "fsync ."]
    assert between(log, folder, "open", "first") == ["write out", "fsync out", "fsync ."]
    assert between(log, folder, "first", "second") == ["write out", "fsync out"]


@pytest.mark.parametrize("codec", ["PlainCodec", "JsonCodec"])
@pytest.mark.parametrize("append", [False, True])
def test_a_replacement_is_synced_before_it_is_renamed(
    folder: Path, tmp_path: Path, codec: str, append: bool
) -> None:
    """write, fsync, rename, fsync of the folder; then the outcome. Lines are appended instead."""
    program = f"""{SAY}
from geowatch_core.codecs import {codec}
from tests.core.file.files import messages, store
with store(sys.argv[1], {codec}(), append={append}) as kept:
    kept.write(messages(b"1"))
    say("first")
    kept.write(messages(b"2"))
    say("second")
"""
    log = tmp_path / "log"
    done = traced(log, program, folder / "kept")
    assert done.returncode == 0, done.stderr
    replaced = ["write .kept.new", "fsync .kept.new", "rename .kept.new kept", "fsync ."]
    appended = ["write kept", "fsync kept"]
    found = between(log, folder, "first", "second")
    found = [call for call in found if not call.startswith("ftruncate")]
    assert found == (appended if append and codec == "PlainCodec" else replaced)


def test_a_position_is_on_disk_before_ack_returns(folder: Path, tmp_path: Path) -> None:
    """Consuming and a nack write nothing; an ack writes, syncs, renames and syncs the folder."""
    program = f"""{SAY}
from tests.core.file.files import consumer
with consumer(sys.argv[1]) as source:
    say("open")
    a, b, c = source.consume(3, 0)
    source.nack([c])
    source.ack([b])
    say("behind a gap")
    source.ack([a])
    say("acked")
"""
    (folder / "in").write_bytes(b"a\nb\nc\n")
    log = tmp_path / "log"
    done = traced(log, program, folder / "in")
    assert done.returncode == 0, done.stderr
    assert between(log, folder, "open", "behind a gap") == []
    new = ".in.position.new"
    expected = [f"write {new}", f"fsync {new}", f"rename {new} in.position", "fsync ."]
    found = between(log, folder, "behind a gap", "acked")
    assert [call for call in found if not call.startswith("ftruncate")] == expected
