"""The store in memory."""

import pytest

from geowatch_core import (
    CONFIRMED,
    Which,
)
from geowatch_core.memory import _driver
from geowatch_core.memory.options import (
    MemoryStoreOptions,
)
from geowatch_core.memory.store import MemoryStore
from tests.core.sample import TEXT, data, messages


def store(which: Which = Which.ALL, which_index: int = 0, key: str = "k") -> MemoryStore:
    """A store that is not open yet."""
    options = MemoryStoreOptions(key=key, which=which, which_index=which_index)
    return MemoryStore(options, name="kept", codec=TEXT)


def test_a_store_reads_back_what_it_wrote() -> None:
    """A document is the process's own, by its key; a write replaces it."""
    with store() as writer:
        assert writer.write(messages("a", "b")) == [CONFIRMED, CONFIRMED]
        assert writer.write(messages("c", "d")) == [CONFIRMED, CONFIRMED]
    with store() as reader, store(key="other") as other:
        assert data(reader.read()) == [b"c", b"d"]
        assert other.read() == []


@pytest.mark.parametrize(
    ("which", "index", "kept"),
    [(Which.FIRST, 0, b"a"), (Which.LAST, 0, b"c"), (Which.INDEX, 1, b"b")],
)
def test_a_store_keeps_the_one_that_which_names(which: Which, index: int, kept: bytes) -> None:
    """The options reach the store."""
    with store(which, index) as writer:
        writer.write(messages("a", "b", "c"))
    assert _driver.documents() == {"k": kept}


def test_a_refused_document_leaves_the_old_one() -> None:
    """What cannot be written does not take away what stands."""
    with store() as writer:
        writer.write(messages("a"))
        assert writer.write(messages("two\nlines")) != [CONFIRMED]
        assert data(writer.read()) == [b"a"]
