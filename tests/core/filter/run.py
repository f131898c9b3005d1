"""Runs a filter over values, as a broker does over what a codec's reader found."""

from typing import Any

from geowatch_core.filter import Filter


def columns(given: Filter, values: list[Any]) -> dict[Any, list[Any]]:
    """What the values have at the paths of the filter."""
    return {path: [path.find(value) for value in values] for path in given.paths}


def verdicts(given: Filter, values: list[Any]) -> list[bool | None]:
    """For each value True (met), False (known not to be met) or None (unknown)."""
    seen = columns(given, values)
    mask, inverse = given.mask(seen), given.inverse(seen)
    assert {type(x) for x in (*mask, *inverse)} <= {bool}
    assert len(mask) == len(inverse) == len(values)
    assert not any(met and unmet for met, unmet in zip(mask, inverse, strict=True))
    return [
        True if met else False if unmet else None for met, unmet in zip(mask, inverse, strict=True)
    ]
