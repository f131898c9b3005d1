"""What the tests of the file backend share."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geowatch_core.codec import Codec
from geowatch_core.codecs import PlainCodec
from geowatch_core.file.consumer import FileConsumer
from geowatch_core.file.options import (
    FileConsumerOptions,
    FileProducerOptions,
    FileStoreOptions,
)
from geowatch_core.file.producer import FileProducer
from geowatch_core.file.store import FileStore
from geowatch_core.message import Message

PLAIN = PlainCodec()


def consumer(path: Path | str, codec: Codec = PLAIN, **options: Any) -> FileConsumer:
    """A file consumer, not open yet."""
    return FileConsumer(FileConsumerOptions(path=path, **options), name="in", codec=codec)


def producer(path: Path | str, codec: Codec = PLAIN, **options: Any) -> FileProducer:
    """A file producer, not open yet."""
    return FileProducer(FileProducerOptions(path=path, **options), name="out", codec=codec)


def store(path: Path | str, codec: Codec = PLAIN, **options: Any) -> FileStore:
    """A file store, not open yet."""
    return FileStore(FileStoreOptions(path=path, **options), name="kept", codec=codec)


def data(messages: Sequence[Message]) -> list[bytes]:
    """The bytes of messages."""
    return [message.data for message in messages]


def messages(*items: bytes) -> list[Message]:
    """Messages with these bytes."""
    return [Message(item) for item in items]


def taken(source: FileConsumer, count: int, within: float = 5.0) -> list[bytes]:
    """Consume and ack until `count` messages came; fails if they do not come in time."""
    found: list[bytes] = []
    for batch in batches(source, within):
        found += data(batch)
        source.ack(batch)
        if len(found) >= count:
            return found
    raise AssertionError(f"only {found} came")


def batches(source: FileConsumer, timeout: float) -> Iterator[list[Message]]:
    """What comes, until nothing comes within the timeout."""
    while batch := source.consume(500, timeout):
        yield batch


def rest(source: FileConsumer) -> list[bytes]:
    """Consume and ack a finite file to its end."""
    found: list[bytes] = []
    while not source.exhausted:
        batch = source.consume(500, 1)
        found += data(batch)
        source.ack(batch)
    return found


def run(program: str, *arguments: object, under: Sequence[str] = (), **options: Any) -> Any:
    """Run a Python program in a process of its own, perhaps under another one such as strace."""
    command = [*under, sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, **options
    )


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
