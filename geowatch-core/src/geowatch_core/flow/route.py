"""What a broker is made of: refusals before it runs, and what reports call its parts."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.errors import ConfigurationError
from geowatch_core.producer import Producer
from geowatch_core.role import Role
from geowatch_core.store import Store, Which

__all__ = ["refuse_forgetful", "refuse_losing_letters", "refuse_no_room", "unique_names"]


def refuse_forgetful(name: str, sinks: Sequence[Producer | Store]) -> None:
    """See to it that of the destinations of one message at least one keeps it.

    Raises:
        ConfigurationError: every one of them may forget.
    """
    if sinks and not any(sink.capabilities.durable for sink in sinks):
        raise ConfigurationError(
            f"Every destination of {name} may forget what it confirmed",
            got=[sink.name for sink in sinks],
            fix="Add one that keeps it, or say best_effort=True.",
        )


def refuse_losing_letters(name: str, dead_letter: Producer | Store | None) -> None:
    """See to it that a dead letter keeps every letter, and not only the latest.

    Raises:
        ConfigurationError: it is a store whose next write replaces the letters of the last.
    """
    if isinstance(dead_letter, Store) and (
        dead_letter.capabilities.replaces or dead_letter.which is not Which.ALL
    ):
        raise ConfigurationError(
            f"The dead letter of {name} would keep only its latest letters",
            got=dead_letter.name,
            fix="Use a producer, or a store that adds to what it has (file: append = true).",
        )


def refuse_no_room(**options: int | None) -> None:
    """See to it that a batch can hold a message, and that there can be a batch.

    Raises:
        ConfigurationError: one of `options` is below 1; a broker would wait for ever.
    """
    for name, value in options.items():
        if value is not None and value < 1:
            fix = "Make room for one message or more."
            raise ConfigurationError(f"{name} must be at least 1", got=value, fix=fix)


def unique_names(roles: Sequence[Role]) -> list[str]:
    """Their names, each further one of a kind with its number: reports count by name."""
    seen: dict[str, int] = {}
    unique = []
    for name in (role.name for role in roles):
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
