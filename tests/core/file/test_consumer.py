"""Lines from a finite file."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from geowatch_core import (
    AlreadySettledError,
    DecodeError,
    PermanentError,
    RetryableError,
    Settlement,
)
from geowatch_core.codecs import JsonCodec
from geowatch_core.file import _reader
from tests.core.file.files import consumer, data, rest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to be."""
    return tmp_path / "in.txt"


def test_lines_come_in_order_with_the_byte_behind_them_as_position(path: Path) -> None:
    """A message is a line without its end, and its position is where the next line starts."""
    path.write_bytes(b"a\nbcd\ne\n")
    with consumer(path) as source:
        batch = source.consume(10, 0)
    assert [(m.data, m.position) for m in batch] == [(b"a", 2), (b"bcd", 6), (b"e", 8)]


def test_count_bounds_a_batch(path: Path) -> None:
    """No batch is larger than was asked for, and nothing is lost between two."""
    path.write_bytes(b"".join(b"%d\n" % i for i in range(7)))
    with consumer(path) as source:
        sizes = [data(source.consume(3, 0)) for _ in range(3)]
    assert sizes == [[b"0", b"1", b"2"], [b"3", b"4", b"5"], [b"6"]]


def test_a_batch_is_full_though_it_spans_chunks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a batch holds depends on the file, not on how it was read."""
    monkeypatch.setattr(_reader, "_CHUNK", 8)
    path.write_bytes(b"aaa\nbbb\nccc\nddd\neee\n")
    with consumer(path) as source:
        assert data(source.consume(4, 0)) == [b"aaa", b"bbb", b"ccc", b"ddd"]


def test_it_is_exhausted_when_nothing_is_left_to_bring(path: Path) -> None:
    """A finite file ends the run with its last message, unless one is given back."""
    path.write_bytes(b"a\nb\n")
    with consumer(path) as source:
        first = source.consume(1, 0)
        assert not source.exhausted
        batch = source.consume(10, 0)
        assert source.exhausted
        assert source.consume(10, 5) == []
        source.nack(batch)
        assert not source.exhausted
        again = source.consume(10, 0)
        assert data(again) == [b"b"]
        assert source.exhausted
        source.ack([*first, *again])
        assert source.exhausted


def test_an_empty_file_is_exhausted_at_once(path: Path) -> None:
    """No bytes are no messages, and no wait."""
    path.write_bytes(b"")
    with consumer(path) as source:
        assert source.consume(10, 5) == []
        assert source.exhausted


def test_the_last_line_needs_no_end(path: Path) -> None:
    """Nobody will end the last line of a file that is not followed: it is delivered as it is."""
    path.write_bytes(b'{"a":1}\n{"a":')
    with consumer(path, JsonCodec()) as source:
        good, torn = source.consume(10, 0)
        assert good.value == {"a": 1}
        assert torn.data == b'{"a":'
        with pytest.raises(DecodeError):
            _ = torn.value
        source.ack([good, torn])
        assert source.exhausted


def test_a_carriage_return_before_the_line_end_belongs_to_it(path: Path) -> None:
    """Files from Windows give the same messages; any other carriage return is data."""
    path.write_bytes(b"a\r\nb\rc\n\rd\r\r\n\r\ne\r")
    with consumer(path) as source:
        found = source.consume(10, 0)
    assert data(found) == [b"a", b"b\rc", b"\rd\r", b"e\r"]
    assert [m.position for m in found] == [3, 7, 12, 16]


def test_empty_lines_are_passed_over_and_counted(path: Path) -> None:
    """An empty line is no message, and its byte still counts."""
    path.write_bytes(b"\n\na\n\nb\n\n\n")
    with consumer(path) as source:
        found = source.consume(10, 0)
        assert [(m.data, m.position) for m in found] == [(b"a", 4), (b"b", 7)]
        source.ack(found)
        assert source.exhausted


def test_a_byte_order_mark_is_left_to_the_codec(path: Path) -> None:
    """The backend moves bytes; the codec says what is wrong with them."""
    path.write_bytes(b"\xef\xbb\xbf[1]\n")
    with consumer(path, JsonCodec()) as source:
        (message,) = source.consume(10, 0)
        assert message.data == b"\xef\xbb\xbf[1]"
        with pytest.raises(DecodeError, match="byte order mark"):
            _ = message.value


def test_a_message_given_back_comes_first_and_anew(path: Path) -> None:
    """After a nack the same position comes again, before all later ones and in order."""
    path.write_bytes(b"a\nb\nc\nd\n")
    with consumer(path) as source:
        a, b, c = source.consume(3, 0)
        source.nack([c])
        source.nack([a])
        again = source.consume(10, 0)
        assert [(m.data, m.position) for m in again] == [(b"a", 2), (b"c", 6)]
        assert data(source.consume(10, 0)) == [b"d"]
        assert again[0] is not a
        source.ack([*again, b])
        with pytest.raises(AlreadySettledError, match="nacked before"):
            source.ack([a])


def test_no_more_than_max_unsettled_are_out(path: Path) -> None:
    """What is consumed and not settled is bounded; an ack makes room, a nack does not."""
    path.write_bytes(b"a\nb\nc\nd\n")
    with consumer(path, max_unsettled=2) as source:
        assert source.capabilities.max_unsettled == 2
        first = source.consume(10, 0)
        assert data(first) == [b"a", b"b"]
        assert source.consume(10, 0) == []
        source.ack(first[1:])  # behind a gap: still remembered, so still counted
        assert source.consume(10, 0) == []
        source.ack(first[:1])
        assert data(source.consume(10, 0)) == [b"c", b"d"]


def test_consume_waits_for_room_and_wakes_at_the_ack(path: Path) -> None:
    """A consumer that is full waits for an ack of another thread, and no longer."""
    path.write_bytes(b"a\nb\n")
    with consumer(path, max_unsettled=1) as source:
        first = source.consume(10, 0)
        later = threading.Timer(0.1, source.ack, [first])
        later.start()
        started = time.monotonic()
        assert data(source.consume(10, 10)) == [b"b"]
        assert time.monotonic() - started < 5
        later.join()


def test_close_ends_a_wait(path: Path) -> None:
    """A consume that waits returns soon after another thread closed."""
    path.write_bytes(b"")
    source = consumer(path, follow=True).open()
    threading.Timer(0.1, source.close).start()
    started = time.monotonic()
    assert source.consume(10, 30) == []
    assert time.monotonic() - started < 5


def test_a_line_too_long_stops_after_the_lines_before_it(path: Path) -> None:
    """Every line before it comes; then the error says where it is, again and again."""
    path.write_bytes(b"a\nbb\n123456\nc\n")
    with consumer(path, max_line=5) as source:
        assert data(source.consume(10, 0)) == [b"a", b"bb"]
        for _ in range(2):
            with pytest.raises(PermanentError, match=r"max_line = 5 .*byte 5.*Raise max_line"):
                source.consume(10, 0)
        assert not source.exhausted
    with consumer(path, max_line=6) as source:
        assert data(source.consume(10, 0)) == [b"a", b"bb", b"123456", b"c"]


def test_a_disk_that_fails_for_a_while_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the failure comes, then the error, and then the rest."""
    path.write_bytes(b"aaa\nbbb\nccc\n")
    real = os.pread

    def failing(descriptor: int, size: int, offset: int) -> bytes:
        if offset >= 8:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, size, offset)

    monkeypatch.setattr(_reader, "_CHUNK", 8)
    with consumer(path) as source:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pread", failing)
            assert data(source.consume(10, 0)) == [b"aaa", b"bbb"]
            assert not source.exhausted
            with pytest.raises(RetryableError, match="Input/output error"):
                source.consume(10, 0)
        assert data(source.consume(10, 0)) == [b"ccc"]


def test_it_settles_by_prefix() -> None:
    """Its capabilities say how it settles."""
    assert consumer("x").capabilities.settles is Settlement.PREFIX


def test_a_file_that_was_truncated_while_it_was_read_starts_over(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What replaced the rest is not skipped because of where the reader was before."""
    path.write_bytes(b"a\nb\n")
    with consumer(path) as source:
        first = source.consume(1, 0)
        path.write_bytes(b"NEW\n")
        source.ack([*first, *source.consume(10, 0)])  # b had been read
        assert rest(source) == [b"NEW"]
    assert "truncated or rewritten at byte 4" in caplog.text


def test_nothing_is_remembered_if_not_asked_for(path: Path) -> None:
    """With remember off, no position file is made and each run starts at the beginning."""
    path.write_bytes(b"a\n")
    for _ in range(2):
        with consumer(path, remember=False) as source:
            assert rest(source) == [b"a"]
    assert [p.name for p in path.parent.iterdir()] == ["in.txt"]
