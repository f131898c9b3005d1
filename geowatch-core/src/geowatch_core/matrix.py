"""What installed backends can do, as a table for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from geowatch_core.backend import RoleName
from geowatch_core.capabilities import Capabilities, Order, Settlement
from geowatch_core.registry import BACKENDS, REGISTRY

__all__ = ["matrix"]

_HEADER = (
    "backend",
    "distribution",
    "role",
    "settles",
    "order",
    "keeps",
    "carries",
    "at most",
    "reads back",
)
_NOTHING = "–"  # noqa: RUF001 - what a reader takes for an empty cell
_SETTLES = {
    Settlement.EACH: "each message",
    Settlement.PREFIX: "up to a position",
    Settlement.NONE: "nothing",
}
_ORDER = {Order.ALL: "all", Order.KEY: "of each key", Order.NONE: "none"}


def matrix(names: Iterable[str] | None = None) -> str:
    """A Markdown table with a row for each role of each backend.

    It is made from what the backends registered, which the conformance kit holds them to.

    Args:
        names: of the backends to show; all that are installed, if not given.

    Raises:
        ConfigurationError: one of them is not installed or cannot be loaded.
    """
    shown = REGISTRY.backend_names() if names is None else sorted(names)
    rows = [
        (f"`{name}`", REGISTRY.distribution(BACKENDS, name).split()[0], *_cells(role, can))
        for name in shown
        for role, spec in REGISTRY.backend(name).roles.items()
        for can in [spec.capabilities]
    ]
    rule = ["---"] * len(_HEADER)
    return "".join(f"| {' | '.join(row)} |\n" for row in [_HEADER, rule, *rows])


def _cells(role: RoleName, can: Capabilities) -> Iterator[str]:
    yield role
    yield _SETTLES[can.settles] if role == "consumer" else _NOTHING
    yield _ORDER[can.order] if role != "store" else _NOTHING
    yield _kept(can)
    yield ", ".join(word for word in ("keys", "headers", "times") if getattr(can, word)) or _NOTHING
    yield ", ".join(_limits(can)) or _NOTHING
    yield ("yes" if can.reads_back else "no") if role == "store" else _NOTHING


def _kept(can: Capabilities) -> str:
    if not can.durable:
        return "may forget"
    return "durably" if can.persistent else "while the process lives"


def _limits(can: Capabilities) -> Iterator[str]:
    if can.max_message is not None:
        yield f"{_size(can.max_message)} each"
    if can.max_batch is not None:
        yield f"{can.max_batch:,} a call"
    if can.max_batch_bytes is not None:
        yield f"{_size(can.max_batch_bytes)} a call"
    if can.max_unsettled is not None:
        yield f"{can.max_unsettled:,} unsettled"
    if can.redelivers_after is not None:
        yield f"{can.redelivers_after:g} s unsettled"


def _size(count: int) -> str:
    """Bytes in the largest unit that they are a whole number of."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count and count % size == 0:
            return f"{count // size:,} {unit}"
    return f"{count:,} bytes"
