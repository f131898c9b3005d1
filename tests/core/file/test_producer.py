"""Appending lines durably."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import CONFIRMED, Codec, EncodeError, PermanentError, RetryableError
from geowatch_core.codecs import JsonCodec
from geowatch_core.message import Message
from tests.core.file.files import consumer, data, descriptors, messages, producer, rest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to be."""
    return tmp_path / "out.txt"


def test_each_message_is_a_line_in_order(path: Path) -> None:
    """What was there stays, and what is confirmed stands behind it."""
    path.write_bytes(b"before\n")
    with producer(path) as sink:
        assert sink.deliver(messages(b"a", b"b")) == [CONFIRMED, CONFIRMED]
        assert path.read_bytes() == b"before\na\nb\n"
        assert sink.deliver(messages(b"c")) == [CONFIRMED]
    assert path.read_bytes() == b"before\na\nb\nc\n"


def test_values_are_encoded(path: Path) -> None:
    """A message made by hand is written by the codec of the producer."""
    with producer(path, JsonCodec()) as sink:
        sink.deliver([Message.of({"a": 1})])
    assert path.read_bytes() == b'{"a":1}\n'


def test_what_cannot_be_a_line_is_refused_alone(path: Path) -> None:
    """What would not come back as it is, empty or with a line end, stops none of the others."""
    with producer(path) as sink:
        outcomes = sink.deliver(messages(b"a", b"", b"b\nb", b"c", b"d\r", b"e"))
    assert [type(o) for i, o in enumerate(outcomes) if i in {1, 2, 4}] == [EncodeError] * 3
    assert [outcomes[i] for i in (0, 3, 5)] == [CONFIRMED] * 3
    assert path.read_bytes() == b"a\nc\ne\n"
    with consumer(path) as source:
        assert rest(source) == [b"a", b"c", b"e"]


def test_nothing_to_deliver_writes_nothing(path: Path) -> None:
    """No messages, or only refused ones, leave the file as it was."""
    path.write_bytes(b"human")
    with producer(path) as sink:
        assert sink.deliver([]) == []
        assert isinstance(sink.deliver(messages(b""))[0], EncodeError)
    assert path.read_bytes() == b"human"


def test_open_makes_the_file_private(path: Path) -> None:
    """The file is there before the first message, and only its user can read it."""
    with producer(path):
        assert path.stat().st_size == 0
        assert path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_keeps_its_rights(path: Path) -> None:
    """Who could read the file still can."""
    path.touch()
    path.chmod(0o644)
    with producer(path) as sink:
        sink.deliver(messages(b"a"))
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_last_line_without_end_gets_one(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line that a person wrote is neither lost nor run together with the next."""
    path.write_bytes(b"first\nby hand")
    with producer(path) as sink:
        assert sink.deliver(messages(b"a")) == [CONFIRMED]
    assert path.read_bytes() == b"first\nby hand\na\n"
    assert "last line has no end" in caplog.text


@pytest.mark.parametrize("last", [b"", b"x" * 70_000])
def test_what_a_killed_append_left_is_cut_off(
    path: Path, caplog: pytest.LogCaptureFixture, last: bytes
) -> None:
    """Whole lines of it stay, for they are messages; the half one was never confirmed and goes."""
    with producer(path) as sink:
        sink.deliver(messages(b"confirmed"))
        size = path.stat().st_size
        os.setxattr(path, "user.geowatch.append", b"%d %d" % (size, size + 100_000))
        with path.open("ab") as file:
            file.write(b"whole\nhal" + last)
        assert sink.deliver(messages(b"next")) == [CONFIRMED]
    assert path.read_bytes() == b"confirmed\nwhole\nnext\n"
    assert f"cut off {3 + len(last)} bytes" in caplog.text


@pytest.mark.parametrize("note", [b"0 10", b"10 10", b"14 99", b"10 14", b"nonsense", b"1 2 3"])
def test_only_what_the_note_covers_is_cut_off(path: Path, note: bytes) -> None:
    """A stale or damaged note never takes away a line that somebody else wrote."""
    path.write_bytes(b"confirmed\nhand")  # 14 bytes, the last line from 10
    os.setxattr(path, "user.geowatch.append", note)
    with producer(path) as sink:
        sink.deliver(messages(b"next"))
    assert path.read_bytes() == b"confirmed\nhand\nnext\n"


def test_without_notes_nothing_is_ever_cut_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without attributes half a line is ended: a line that will not decode."""

    def refuse(*_: Any) -> bytes:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    monkeypatch.setattr(os, "getxattr", refuse)
    path.write_bytes(b"confirmed\nhalf")
    with producer(path) as sink:
        assert sink.deliver(messages(b"next")) == [CONFIRMED]
    assert path.read_bytes() == b"confirmed\nhalf\nnext\n"


def test_a_rotated_file_is_left(path: Path) -> None:
    """Each delivery goes to the file that has the name now, so nothing goes to a deleted one."""
    with producer(path) as sink:
        sink.deliver(messages(b"a"))
        path.rename(path.with_name("out.1"))
        sink.deliver(messages(b"b"))
        path.unlink()
        sink.deliver(messages(b"c"))
    assert path.with_name("out.1").read_bytes() == b"a\n"
    assert path.read_bytes() == b"c\n"


def test_a_folder_that_went_away_is_an_outcome(path: Path) -> None:
    """Nothing is confirmed when there is nowhere to write to."""
    folder = path.with_name("folder")
    folder.mkdir()
    with producer(folder / "out") as sink:
        (folder / "out").unlink()
        folder.rmdir()
        (outcome,) = sink.deliver(messages(b"a"))
    assert isinstance(outcome, PermanentError)


def test_a_short_write_is_completed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may write less than it was given; the rest is written then."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, view: real(fd, view[:3]))
    with producer(path) as sink:
        assert sink.deliver(messages(b"abc", b"defgh")) == [CONFIRMED] * 2
    assert path.read_bytes() == b"abc\ndefgh\n"


def test_a_failed_sync_confirms_nothing_and_is_not_asked_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed fsync the lines are taken away and the next call opens the file anew."""
    opened: list[int] = []
    synced: list[int] = []
    real_open, real_sync = os.open, os.fsync

    def watched_open(name: str, *rest: Any, **named: Any) -> int:
        descriptor = real_open(name, *rest, **named)
        if name == "out.txt":
            opened.append(descriptor)
        return descriptor

    def failing_once(descriptor: int) -> None:
        if descriptor == opened[-1]:
            synced.append(len(opened))
            if len(synced) == 1:
                raise OSError(errno.EIO, "Input/output error")
        real_sync(descriptor)

    path.write_bytes(b"before\n")
    with producer(path) as sink:
        monkeypatch.setattr(os, "open", watched_open)
        monkeypatch.setattr(os, "fsync", failing_once)
        outcomes = sink.deliver(messages(b"a", b"b"))
        assert [type(o) for o in outcomes] == [RetryableError] * 2
        assert path.read_bytes() == b"before\n"
        assert sink.deliver(messages(b"a", b"b")) == [CONFIRMED] * 2
    assert path.read_bytes() == b"before\na\nb\n"
    assert synced == [1, 2]  # each on a descriptor of its own


def test_a_full_disk_confirms_what_is_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that fitted are confirmed; the half one is cut off, and may be tried again."""
    real = os.write
    room = [7]

    def almost_full(descriptor: int, view: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(descriptor, view[: room[0]])
        room[0] -= written
        return written

    path.write_bytes(b"by hand")
    with producer(path) as sink:
        monkeypatch.setattr(os, "write", almost_full)
        outcomes = sink.deliver(messages(b"aaa", b"bbb", b"ccc"))
        assert outcomes[0] is CONFIRMED
        assert [type(o) for o in outcomes[1:]] == [RetryableError] * 2
        assert "Make room" in str(outcomes[1])
        assert path.read_bytes() == b"by hand\naaa\n"
        room[0] = 100
        assert sink.deliver(messages(b"bbb", b"ccc")) == [CONFIRMED] * 2
    assert path.read_bytes() == b"by hand\naaa\nbbb\nccc\n"


def test_an_interrupted_append_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even an exception that is nobody's error leaves no half line."""

    def interrupted(descriptor: int, view: memoryview) -> int:
        os.pwrite(descriptor, b"half", 0)
        raise KeyboardInterrupt

    with producer(path) as sink:
        sink.deliver(messages(b"a"))
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                sink.deliver(messages(b"b"))
    assert path.read_bytes() == b"a\n"


def test_a_locked_file_is_waited_for_and_then_retryable(path: Path) -> None:
    """Who holds the lock too long makes the delivery fail, not hang."""
    with producer(path, timeout=0.05) as sink, path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        (outcome,) = sink.deliver(messages(b"a"))
        assert isinstance(outcome, RetryableError)
        assert "locked" in str(outcome)
        fcntl.flock(other, fcntl.LOCK_UN)
        assert sink.deliver(messages(b"a")) == [CONFIRMED]


def test_it_holds_nothing_open(path: Path) -> None:
    """Between deliveries no descriptor is held, and none leaks when one fails."""
    before = descriptors()
    with producer(path) as sink:
        for _ in range(3):
            sink.deliver(messages(b"a"))
        path.unlink()
        path.mkdir()
        assert isinstance(sink.deliver(messages(b"a"))[0], PermanentError)
        assert descriptors() == before


def test_a_follower_sees_whole_lines_only(path: Path) -> None:
    """Producer and following consumer work on one file."""
    with producer(path) as sink, consumer(path, follow=True) as source:
        for i in range(3):
            sink.deliver(messages(b"%d" % i))
            batch = source.consume(10, 2)
            assert data(batch) == [b"%d" % i]
            source.ack(batch)


class Unchecked(Codec):
    """A codec of somebody else, who did not think of line ends."""

    name = "unchecked"

    def encode(self, value: Any) -> bytes:
        """As it is."""
        return bytes(value)

    def decode(self, data: bytes) -> Any:
        """As it is."""
        return data

    def line(self, item: bytes) -> bytes:
        """As it is."""
        return item


def test_no_codec_can_break_the_lines(path: Path) -> None:
    """What a codec lets through is checked again: each line comes back as it was, or is refused."""
    with producer(path, Unchecked()) as sink:
        outcomes = sink.deliver(messages(b"a", b"b\nb", b"", b"c\r", b"d\rd"))
    refused = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, EncodeError)]
    assert refused == [1, 2, 3]
    assert path.read_bytes() == b"a\nd\rd\n"
