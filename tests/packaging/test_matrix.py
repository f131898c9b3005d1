"""The documentation says of each backend what it declares, neither more nor less."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from geowatch_core.backend import Backend
from geowatch_core.capabilities import Capabilities, Order
from geowatch_core.errors import UnknownNameError
from geowatch_core.matrix import matrix
from geowatch_core.registry import REGISTRY
from tests.packaging.workspace import MEMBERS, ROOT
from tools.refresh_matrix import BEGIN, END, main, own_backends, pages, refreshed


def row(backend: str, role: str) -> list[str]:
    """The cells of one row."""
    rows = [line.strip("| ").split(" | ") for line in matrix([backend]).splitlines()]
    (found,) = (cells for cells in rows if cells[2] == role)
    return found


def declare(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Have the memory backend's producer declare something else."""
    memory = REGISTRY.backend("memory")
    assert memory.producer is not None
    producer = attrs.evolve(memory.producer, capabilities=Capabilities(**changes))  # type: ignore[arg-type]
    changed: Backend = attrs.evolve(memory, producer=producer)
    monkeypatch.setitem(REGISTRY._backends, "memory", changed)


def test_every_page_with_a_place_for_it_has_the_current_table() -> None:
    """After a change of capabilities the pages are renewed by ``make matrix``."""
    assert main(check=True) == 0


def test_the_reference_has_a_place_for_it() -> None:
    """The page about backends has the markers, whichever other page has them too."""
    assert ROOT / "docs/reference/backends.md" in pages()


def test_it_shows_the_backends_of_this_repository_only() -> None:
    """What else is installed where the documentation is written does not get into it."""
    assert own_backends() == sorted(name for member in MEMBERS for name in member.backends)
    assert own_backends(Path("/nowhere")) == []


def test_each_role_has_a_row() -> None:
    """A backend with three roles has three rows, with what each declares."""
    assert row("memory", "consumer") == [
        "`memory`",
        "geowatch-core",
        "consumer",
        "each message",
        "all",
        "while the process lives",
        "keys, headers, times",
        "–",  # noqa: RUF001 - an empty cell
        "–",  # noqa: RUF001 - an empty cell
    ]
    assert row("memory", "store")[-1] == "yes"


def test_limits_are_told_in_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are in the largest unit that they are a whole number of."""
    declare(monkeypatch, max_message=1 << 20, max_batch=500, max_batch_bytes=5_000_000)
    assert row("memory", "producer")[7] == "1 MiB each, 500 a call, 5,000,000 bytes a call"
    declare(monkeypatch, max_message=256 << 10, max_unsettled=120_000, redelivers_after=30.0)
    assert row("memory", "producer")[7] == "256 KiB each, 120,000 unsettled, 30 s unsettled"


def test_weaker_promises_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that may forget, or keeps order by key only, says so."""
    declare(monkeypatch, durable=False, order=Order.KEY)
    assert row("memory", "producer")[4:6] == ["of each key", "may forget"]


def test_an_unknown_backend_is_an_error() -> None:
    """A table is not made without one that was asked for."""
    with pytest.raises(UnknownNameError):
        matrix(["memroy"])


def test_a_page_keeps_what_stands_around_the_table() -> None:
    """Only what is between the markers changes, at every place that has them."""
    page = f"above\n{BEGIN}old\n{END}between\n{BEGIN}{END}below\n"
    assert refreshed(page, "new\n") == f"above\n{BEGIN}new\n{END}between\n{BEGIN}new\n{END}below\n"
    with pytest.raises(ValueError, match="add that"):
        refreshed(f"above\n{BEGIN}below\n", "new\n")
