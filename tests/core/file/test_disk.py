"""Disks that are full, fail, or have limits."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from geowatch_core import CONFIRMED, RetryableError
from tests.core.file.files import consumer, data, messages, producer, rest, run, store
from tests.core.file.strace import traced

KILOBYTE = b"k" * 1023


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"cannot mount a small disk here: {error}")
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_takes_what_fits_and_more_when_there_is_room(small: Path) -> None:
    """No half line, nothing confirmed that is not there, and the rest can be tried again."""
    path = small / "out"
    spare = small / "spare"
    spare.write_bytes(b"x" * 8192)
    with producer(path) as sink:
        batch = messages(*[b"%02d" % i + KILOBYTE[2:] for i in range(70)])
        outcomes = sink.deliver(batch)
        kept = outcomes.count(CONFIRMED)
        assert 40 <= kept < 60
        assert outcomes[:kept] == [CONFIRMED] * kept
        assert {type(o) for o in outcomes[kept:]} == {RetryableError}
        assert path.stat().st_size == kept * 1024
        spare.unlink()
        again = sink.deliver(batch[kept : kept + 4])
        assert again == [CONFIRMED] * 4
    with consumer(path, remember=False) as source:
        assert rest(source) == data(batch[: kept + 4])


def test_a_store_on_a_full_disk_keeps_the_old_document(small: Path) -> None:
    """The new content did not fit beside the old: the old is whole, and nothing else is left."""
    path = small / "kept"
    with store(path) as kept:
        assert kept.write(messages(*[KILOBYTE] * 40)) == [CONFIRMED] * 40
        outcomes = kept.write(messages(*[KILOBYTE] * 41))
        assert {type(o) for o in outcomes} == {RetryableError}
        assert len(kept.read()) == 40
        assert [p.name for p in small.iterdir()] == ["kept"]


def test_an_ack_on_a_full_disk_can_be_tried_again(small: Path) -> None:
    """The position that could not be saved is saved when there is room."""
    (small / "in").write_bytes(b"a\nb\n")
    with consumer(small / "in") as source:
        batch = source.consume(2, 0)
        filler = small / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * 100_000)
        with pytest.raises(RetryableError, match="Make room"):
            source.ack(batch)
        filler.unlink()
        source.ack(batch)
    with consumer(small / "in") as source:
        assert rest(source) == []


def test_a_limit_on_file_size_is_permanent(tmp_path: Path) -> None:
    """What fits below RLIMIT_FSIZE is confirmed, though the write came back short."""
    program = """
import json, resource, sys
from tests.core.file.files import messages, producer
with producer(sys.argv[1]) as sink:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    outcomes = sink.deliver(messages(*[b"z" * 29] * 5))
print(json.dumps([str(outcome) if isinstance(outcome, Exception) else "" for outcome in outcomes]))
"""
    path = tmp_path / "out"
    done = run(program, path)
    outcomes = json.loads(done.stdout or done.stderr)
    assert outcomes[:3] == [""] * 3
    assert all("ulimit -f" in outcome for outcome in outcomes[3:])
    assert path.read_bytes() == (b"z" * 29 + b"\n") * 3


def test_a_disk_that_fails_to_sync_confirms_nothing(tmp_path: Path) -> None:
    """With the third fsync failing, its lines are not confirmed and come when tried again."""
    program = """
import json, sys
from tests.core.file.files import messages, producer
said = []
with producer(sys.argv[1]) as sink:
    for item in (b"a", b"b", b"b", b"c"):
        (outcome,) = sink.deliver(messages(item))
        said.append(str(outcome))
print(json.dumps(said))
"""
    path = tmp_path / "out"
    path.write_bytes(b"before\n")
    done = traced(tmp_path / "log", program, path, inject="fsync:error=EIO:when=3")
    said = json.loads(done.stdout or done.stderr)
    assert "Input/output error" in said[1]
    assert "disk" in said[1]
    assert [i for i, text in enumerate(said) if "Input/output" in text] == [1]
    assert path.read_bytes() == b"before\na\nb\nc\n"
