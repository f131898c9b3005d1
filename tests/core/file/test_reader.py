"""Splitting a file into lines, whatever the chunks and batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from geowatch_core.file import _reader
from tests.core.file.files import consumer

ALPHABET = st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"a", b"bc", b"\x00", b"d" * 9])
FILES = st.lists(ALPHABET, max_size=40).map(b"".join)


@contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    """A file with that content, for as long as the context lasts."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "in.txt")
        path.write_bytes(content)
        yield path


def lines_of(content: bytes) -> list[tuple[bytes, int]]:
    """The same rule, a byte at a time."""
    found, line, end = [], b"", 0
    for byte in content:
        end += 1
        if byte != ord("\n"):
            line += bytes([byte])
            continue
        line = line[:-1] if line.endswith(b"\r") else line
        if line:
            found.append((line, end))
        line = b""
    return [*found, (line, end)] if line else found


@given(content=FILES, chunk=st.integers(1, 12), count=st.integers(1, 5))
def test_chunks_and_batches_change_nothing(content: bytes, chunk: int, count: int) -> None:
    """Any chunk size and any batch size give the same lines at the same positions."""
    with (
        file_of(content) as path,
        mock.patch.object(_reader, "_CHUNK", chunk),
        consumer(path, remember=False) as source,
    ):
        found = []
        while batch := source.consume(count, 0):
            assert len(batch) <= count
            found += [(m.data, m.position) for m in batch]
            source.ack(batch)
        assert source.exhausted
    assert found == lines_of(content)


@given(content=FILES, chunk=st.integers(1, 12), settled=st.integers(0, 40), count=st.integers(1, 5))
def test_a_restart_anywhere_goes_on_with_the_next_line(
    content: bytes, chunk: int, settled: int, count: int
) -> None:
    """Whatever was settled before a restart, what comes after it is the rest, and only that."""
    expected = lines_of(content)
    with file_of(content) as path, mock.patch.object(_reader, "_CHUNK", chunk):
        with consumer(path) as source:
            first = []
            while len(first) < len(expected):
                first += source.consume(count, 0)
            source.ack(first[:settled])
        with consumer(path) as source:
            found = []
            while batch := source.consume(count, 0):
                found += [(m.data, m.position) for m in batch]
                source.ack(batch)
    assert found == expected[settled:]
