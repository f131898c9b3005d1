"""Following a file like tail -F: growth, rotation, truncation."""

import os
import time
from pathlib import Path

import pytest

from geowatch_core import OptionsError, PermanentError, RetryableError
from geowatch_core.file import _lines
from geowatch_core.file.options import FileConsumerOptions
from tests.core.file.files import consumer, data, taken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty log."""
    path = tmp_path / "log"
    path.write_bytes(b"")
    return path


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a renamed file at once when it is quiet."""
    monkeypatch.setattr(_lines, "_QUIET", 0.0)


def add(path: Path, content: bytes) -> None:
    """Write to the end of a file."""
    with path.open("ab") as file:
        file.write(content)


def rotate(path: Path) -> Path:
    """Rename it, and make no new one."""
    old = path.with_name("log.1")
    path.rename(old)
    return old


def test_lines_come_as_they_are_written(path: Path) -> None:
    """It waits for more at the end, never ends, and finds a new line soon."""
    with consumer(path, follow=True) as source:
        assert source.consume(10, 0) == []
        assert not source.exhausted
        add(path, b"a\n")
        started = time.monotonic()
        assert taken(source, 1) == [b"a"]
        assert time.monotonic() - started < 2
        add(path, b"b\nc\n")
        assert taken(source, 2) == [b"b", b"c"]


def test_an_unfinished_line_waits_for_its_end(path: Path) -> None:
    """Half a line is not a message; it is one when the rest has come."""
    add(path, b"a\nhalf")
    with consumer(path, follow=True) as source:
        assert taken(source, 1) == [b"a"]
        assert source.consume(10, 0.1) == []
        add(path, b" and half")
        assert source.consume(10, 0.1) == []
        add(path, b"\n")
        assert taken(source, 1) == [b"half and half"]


def test_an_unfinished_line_that_is_taken_back_is_no_truncation(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A producer that cuts off what a killed one left makes nobody start over."""
    add(path, b"a\ntorn")
    with consumer(path, follow=True) as source:
        assert taken(source, 1) == [b"a"]
        assert source.consume(10, 0.05) == []
        os.truncate(path, 2)
        assert source.consume(10, 0.05) == []
        add(path, b"b\n")
        assert taken(source, 1) == [b"b"]
    assert not caplog.records


@pytest.mark.usefixtures("soon")
def test_rotation_loses_nothing(path: Path) -> None:
    """The old file is read to its end first, and then the new one from its beginning."""
    add(path, b"a\nb\n")
    with consumer(path, follow=True) as source:
        assert taken(source, 2) == [b"a", b"b"]
        old = rotate(path)
        add(old, b"late 1\n")
        assert taken(source, 1) == [b"late 1"]
        path.write_bytes(b"")
        assert source.consume(10, 0.1) == []
        add(old, b"late 2\n")
        assert taken(source, 1) == [b"late 2"]
        add(path, b"new\n")
        assert taken(source, 1) == [b"new"]
        add(path, b"newer\n")
        assert taken(source, 1) == [b"newer"]


def test_a_renamed_file_is_read_until_it_is_quiet(path: Path) -> None:
    """Who still writes to the renamed file is heard, though the new one has begun."""
    add(path, b"a\n")
    with consumer(path, follow=True) as source:
        assert taken(source, 1) == [b"a"]
        old = rotate(path)
        path.write_bytes(b"new\n")
        assert source.consume(10, 0.3) == []
        add(old, b"late\n")
        assert taken(source, 2) == [b"late", b"new"]


@pytest.mark.usefixtures("soon")
def test_the_last_line_of_a_renamed_file_needs_no_end(path: Path) -> None:
    """Nobody will end it any more."""
    add(path, b"a\nlast")
    with consumer(path, follow=True) as source:
        assert taken(source, 1) == [b"a"]
        rotate(path)
        path.write_bytes(b"new\n")
        assert taken(source, 2) == [b"last", b"new"]


@pytest.mark.usefixtures("soon")
def test_the_new_file_waits_until_the_old_one_is_settled(path: Path) -> None:
    """A position is always in one file, so one file is settled before the next begins."""
    add(path, b"a\nb\n")
    with consumer(path, follow=True) as source:
        first = source.consume(10, 0)
        rotate(path)
        path.write_bytes(b"new\n")
        assert source.consume(10, 0.1) == []
        source.nack(first)
        again = source.consume(10, 1)
        assert data(again) == [b"a", b"b"]
        source.ack(again)
        assert taken(source, 1) == [b"new"]


@pytest.mark.usefixtures("soon")
def test_rotation_while_nobody_looked_loses_nothing(path: Path) -> None:
    """The next run finds the renamed file by its inode, reads its rest, and then the new one."""
    add(path, b"a\nb\n")
    with consumer(path, follow=True) as source:
        source.ack(source.consume(1, 0))
    add(path, b"c\n")
    rotate(path)
    path.write_bytes(b"new\n")
    with consumer(path, follow=True) as source:
        assert taken(source, 3) == [b"b", b"c", b"new"]
    add(path, b"newer\n")
    with consumer(path, follow=True) as source:
        assert taken(source, 1) == [b"newer"]


def test_a_file_rotated_away_for_good_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the remembered file is gone, the new one is consumed whole, with a warning."""
    add(path, b"a\nb\n")
    with consumer(path, follow=True) as source:
        source.ack(source.consume(1, 0))
    keep = path.rename(path.with_name("log.1"))  # so that its inode is not given out again
    path.write_bytes(b"new\n")
    keep.write_bytes(b"rewritten\n")
    with consumer(path, follow=True) as source:
        assert taken(source, 1) == [b"new"]
    assert "rotated away since position 2" in caplog.text


def test_truncation_starts_over(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that was cut (copytruncate) is read from its new beginning."""
    add(path, b"a\nb\nc\n")
    with consumer(path, follow=True) as source:
        assert taken(source, 3) == [b"a", b"b", b"c"]
        os.truncate(path, 0)
        assert source.consume(10, 0.1) == []
        add(path, b"x\n")
        assert taken(source, 1) == [b"x"]
    assert "truncated or rewritten at byte 6" in caplog.text
    with consumer(path, follow=True) as source:
        add(path, b"y\n")
        assert taken(source, 1) == [b"y"]


def test_truncation_is_seen_though_the_file_is_longer_by_then(path: Path) -> None:
    """What stands before the position is compared, not only the size."""
    add(path, b"a\nb\nc\n")
    with consumer(path, follow=True) as source:
        assert taken(source, 3) == [b"a", b"b", b"c"]
        path.write_bytes(b"other\nlines\nand more\n")
        assert taken(source, 3) == [b"other", b"lines", b"and more"]


def test_truncation_waits_until_everything_is_settled(path: Path) -> None:
    """No position of the new content can be taken for one of the old."""
    add(path, b"a\nb\n")
    with consumer(path, follow=True) as source:
        first = source.consume(10, 0)
        path.write_bytes(b"x\n")
        assert source.consume(10, 0.1) == []
        source.ack(first)
        assert taken(source, 1) == [b"x"]


@pytest.mark.usefixtures("soon")
def test_a_link_to_the_current_file_is_followed(tmp_path: Path) -> None:
    """A link that is turned to the next file is a rotation too."""
    first, second = tmp_path / "log.1", tmp_path / "log.2"
    first.write_bytes(b"a\n")
    second.write_bytes(b"b\n")
    link = tmp_path / "current"
    link.symlink_to("log.1")
    with consumer(link, follow=True) as source:
        assert taken(source, 1) == [b"a"]
        new = tmp_path / "turned"
        new.symlink_to("log.2")
        new.rename(link)
        assert taken(source, 1) == [b"b"]


def test_a_file_that_is_not_there_yet_may_come(tmp_path: Path) -> None:
    """A missing file is worth another try if it is followed, and so is a missing folder."""
    path = tmp_path / "later" / "log"
    source = consumer(path, follow=True)
    for make in (path.parent.mkdir, path.touch):
        with pytest.raises(RetryableError, match="no such file"):
            source.open()
        make()
    with source:
        add(path, b"a\n")
        assert taken(source, 1) == [b"a"]


def test_something_else_in_its_place_stops(path: Path) -> None:
    """If a folder takes the name of a followed file, that is said."""
    with consumer(path, follow=True) as source:
        assert source.consume(1, 0) == []
        rotate(path)
        path.mkdir()
        add(path / "x", b"a\n")
        with pytest.raises(PermanentError, match="is a folder"):
            source.consume(1, 5)


def test_a_document_cannot_be_followed() -> None:
    """A document has an end; a file that is followed has none."""
    with pytest.raises(OptionsError, match="follow: does not go together"):
        FileConsumerOptions.read({"path": "x", "follow": True, "framing": "document"})
