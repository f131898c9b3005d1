"""Documents on disk: replaced as a whole, or added to."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import CONFIRMED, DecodeError, EncodeError, PermanentError, RetryableError, Which
from geowatch_core.codecs import GeoJsonCodec, JsonCodec, PlainCodec
from tests.core.file.files import data, messages, store

POINT = b'{"type":"Feature","geometry":{"type":"Point","coordinates":[%d,0]},"properties":{}}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to be."""
    return tmp_path / "kept"


def test_a_write_replaces_the_document_and_reads_back(path: Path) -> None:
    """The last batch is what the file holds."""
    with store(path, JsonCodec()) as kept:
        assert kept.read() == []
        assert kept.write(messages(b"1", b"2")) == [CONFIRMED] * 2
        assert kept.write(messages(b"3", b"[4]")) == [CONFIRMED] * 2
        assert json.loads(path.read_bytes()) == [3, [4]]
        assert [m.value for m in kept.read()] == [3, [4]]


@pytest.mark.parametrize(
    ("which", "index", "kept_items"),
    [
        (Which.ALL, 0, [b"a", b"b", b"c"]),
        (Which.FIRST, 0, [b"a"]),
        (Which.LAST, 0, [b"c"]),
        (Which.INDEX, 1, [b"b"]),
    ],
)
@pytest.mark.parametrize("append", [False, True])
def test_which_names_what_is_kept(
    path: Path, which: Which, index: int, kept_items: list[bytes], append: bool
) -> None:
    """The others of a batch are confirmed: that they are not kept is what was asked for."""
    with store(path, which=which, which_index=index, append=append) as kept:
        assert kept.write(messages(b"a", b"b", b"c")) == [CONFIRMED] * 3
    with store(path) as kept:
        assert data(kept.read()) == kept_items


def test_an_index_past_the_end_keeps_nothing(path: Path) -> None:
    """Nothing to keep leaves the file as it was."""
    with store(path, which=Which.INDEX, which_index=7) as kept:
        assert kept.write(messages(b"a")) == [CONFIRMED]
    assert not path.exists()


def test_lines_are_added(path: Path) -> None:
    """With append, a codec of lines adds them behind what is there."""
    path.write_bytes(b"by hand")
    with store(path, append=True) as kept:
        kept.write(messages(b"a", b"b"))
        kept.write(messages(b"c"))
        assert path.read_bytes() == b"by hand\na\nb\nc\n"
        assert data(kept.read()) == [b"by hand", b"a", b"b", b"c"]


def test_features_are_added_to_one_valid_collection(path: Path) -> None:
    """With append, several batches make one document that any reader takes."""
    with store(path, GeoJsonCodec(), append=True) as kept:
        for batch in ([POINT % 1, POINT % 2], [POINT % 3]):
            assert set(kept.write(messages(*batch))) == {CONFIRMED}
            document = json.loads(path.read_bytes())
            assert document["type"] == "FeatureCollection"
        assert [f["geometry"]["coordinates"][0] for f in document["features"]] == [1, 2, 3]
        assert data(kept.read()) == [POINT % i for i in (1, 2, 3)]


def test_adding_to_what_is_no_document_fails(path: Path) -> None:
    """A damaged document is neither replaced nor made worse."""
    path.write_bytes(b'{"type":"FeatureColl')
    with store(path, GeoJsonCodec(), append=True) as kept:
        (outcome,) = kept.write(messages(POINT % 1))
        assert isinstance(outcome, PermanentError)
        assert isinstance(outcome.__cause__, DecodeError)
        with pytest.raises(DecodeError):
            kept.read()
    assert path.read_bytes() == b'{"type":"FeatureColl'


@pytest.mark.parametrize("append", [False, True])
def test_one_that_cannot_be_a_line_is_refused_alone(path: Path, append: bool) -> None:
    """The others of its batch are kept."""
    with store(path, PlainCodec(), append=append) as kept:
        outcomes = kept.write(messages(b"a", b"b\nb", b"c"))
    assert [type(o) for o in outcomes if o is not CONFIRMED] == [EncodeError]
    assert path.read_bytes() == b"a\nc\n"


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_failed_replacement_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever fails, the old document is whole and nothing is left beside it."""

    def fail(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store(path) as kept:
        kept.write(messages(b"old"))
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            (outcome,) = kept.write(messages(b"new"))
        assert isinstance(outcome, RetryableError)
        assert data(kept.read()) == [b"old"]
        assert [p.name for p in path.parent.iterdir()] == ["kept"]
        assert kept.write(messages(b"new")) == [CONFIRMED]
        assert data(kept.read()) == [b"new"]


def test_what_a_killed_write_left_is_used_up(path: Path) -> None:
    """Half a document beside the file is never read, and does not pile up."""
    path.with_name(".kept.new").write_bytes(b"x" * 1000)
    with store(path) as kept:
        kept.write(messages(b"a"))
    assert path.read_bytes() == b"a\n"
    assert [p.name for p in path.parent.iterdir()] == ["kept"]


def test_rights_are_kept(path: Path) -> None:
    """A new document is private; a replaced one can be read by those who could before."""
    with store(path) as kept:
        kept.write(messages(b"a"))
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)
        kept.write(messages(b"b"))
        assert path.stat().st_mode & 0o777 == 0o640


def test_the_owner_is_kept(path: Path) -> None:
    """Run by root, a replacement does not take the file away from its user."""
    if os.geteuid():
        pytest.skip("needs root: only root can give a file to another user")
    path.touch()
    os.chown(path, 12345, 54321)
    with store(path) as kept:
        kept.write(messages(b"a"))
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
