"""A store that is read as a source is told when everything of it was acked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from geowatch_core import Broker, Codec, Message, RetryableError, Store, TransformError
from geowatch_core.provision import make_codec


class Remembering(Store):
    """Holds three lines, and counts how often it is told."""

    def __init__(self, codec: Codec, failures: int = 0) -> None:
        super().__init__(name="remembering", codec=codec)
        self.told = 0
        self._failures = failures

    def _write(self, messages: Sequence[Message]) -> None:
        raise AssertionError("it is only read")

    def _read(self) -> Iterator[bytes]:
        yield b"a\nb\nc\n"

    def _settle(self) -> None:
        if self._failures:
            self._failures -= 1
            raise RetryableError("Cannot remember yet", fix="Try again.")
        self.told += 1


@pytest.mark.parametrize("failures", [0, 2])
@pytest.mark.parametrize("count", [1, 2, 500])
def test_it_is_told_once_when_all_was_acked(count: int, failures: int) -> None:
    """In however many batches it is read, it is told once, at the end; also if that takes tries."""
    store = Remembering(make_codec("plain"), failures)
    report = Broker(stores_in=[store], best_effort=True, count=count).run()
    assert report.consumed == 3
    assert store.told == 1


def test_it_is_not_told_of_what_was_not_acked() -> None:
    """A run that fails leaves it as it was."""

    class Fails(Broker):
        def process(self, messages: list[Message]) -> None:
            if any(message.data == b"c" for message in messages):
                raise RuntimeError("as asked for")

    store = Remembering(make_codec("plain"))
    with pytest.raises(TransformError):
        Fails(stores_in=[store], best_effort=True, count=1).run()
    assert store.told == 0
