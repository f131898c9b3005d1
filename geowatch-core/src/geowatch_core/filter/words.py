"""The words of comparison: what each takes as its constant, and how it tests a column."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from geowatch_core.errors import ConfigurationError
from geowatch_core.path import MISSING

__all__ = ["WORDS", "Test", "Word", "numbers"]

Test = Callable[[Sequence[Any]], list[bool]]
"""Tests one column: for each value, whether the comparison is met."""


class Word(msgspec.Struct, frozen=True):
    """What a word of comparison means.

    Attributes:
        constant: the constant as it is kept; refuses one that makes no sense.
        test: the test of columns for one constant.
        inverse: the test that is met where this one is known not to be.
        schema: JSON Schema of the constant.
    """

    constant: Callable[[str, Any], Any]
    test: Callable[[Any], Test]
    inverse: Callable[[Any], Test]
    schema: Mapping[str, Any]


def numbers(types: set[type]) -> set[type]:
    """Those of the types that are numbers. In JSON true and false are none; in Python they are."""
    return {each for each in types if issubclass(each, (int, float)) and each is not bool}


def _scalar(word: str, value: Any) -> Any:
    if value is None:
        fix = "Null is unknown, like missing; write exists = false to keep what has no value."
        raise ConfigurationError(f"{word} cannot compare with null", fix=fix)
    if not isinstance(value, str | int | float):
        fix = "Write a date or time as the messages do, as text or as a number."
        what = f"{word} compares with text, a number, true or false"
        raise ConfigurationError(what, got=value, fix=fix)
    if isinstance(value, float) and not math.isfinite(value):
        what = f"{word} cannot compare with a number that is not finite"
        raise ConfigurationError(
            what, got=value, fix="JSON has no such number; write a finite one."
        )
    return value


def _bound(word: str, value: Any) -> Any:
    if isinstance(value, bool):
        what = f"{word} cannot put true and false in an order"
        raise ConfigurationError(what, got=value, fix="Use eq or ne with true or false.")
    return _scalar(word, value)


def _members(word: str, values: Any) -> Any:
    if not isinstance(values, list | tuple | set | frozenset):
        fix = f'Write it like {word} = ["us", "ak"].'
        raise ConfigurationError(f"{word} needs a list of constants", got=values, fix=fix)
    if not values:
        fix = "List what it may be, or leave the word out."
        raise ConfigurationError(f"The list of {word} is empty", fix=fix)
    return tuple(_scalar(word, value) for value in values)


def _flag(word: str, value: Any) -> Any:
    if not isinstance(value, bool):
        fix = f"Write {word} = true, or {word} = false."
        raise ConfigurationError(f"{word} is either true or false", got=value, fix=fix)
    return value


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def for_bound(bound: Any) -> Test:
        text = isinstance(bound, str)

        def test(column: Sequence[Any]) -> list[bool]:
            types = set(map(type, column))
            fit = {t for t in types if issubclass(t, str)} if text else numbers(types)
            if len(fit) == len(types):
                return [holds(x, bound) for x in column]
            return [type(x) in fit and holds(x, bound) for x in column]

        return test

    return for_bound


def _equal(constant: Any) -> Test:
    if isinstance(constant, bool):
        return lambda column: [x is constant for x in column]
    if constant in (0, 1):  # which in Python equal False and True
        return lambda column: [x == constant and type(x) is not bool for x in column]
    return lambda column: [x == constant for x in column]


_HASHED: Final = {str, int, float, type(None), type(MISSING)}


def _member(constants: tuple[Any, ...]) -> Test:
    booleans = {x for x in constants if isinstance(x, bool)}
    others = {x for x in constants if not isinstance(x, bool)}

    def test(column: Sequence[Any]) -> list[bool]:
        if set(map(type, column)) <= _HASHED:
            return [x in others for x in column]
        return [
            isinstance(x, (str, int, float)) and x in (booleans if type(x) is bool else others)
            for x in column
        ]

    return test


def _exists(expected: bool) -> Test:
    if expected:
        return lambda column: [x is not None and x is not MISSING for x in column]
    return lambda column: [x is None or x is MISSING for x in column]


def _other(positive: Callable[[Any], Test]) -> Callable[[Any], Test]:
    """What has a value, and not such a one."""

    def for_constant(constant: Any) -> Test:
        met = positive(constant)
        return lambda column: [
            not same and x is not None and x is not MISSING
            for x, same in zip(column, met(column), strict=True)
        ]

    return for_constant


_SCALAR: Final = {"type": ["string", "number", "boolean"]}
_BOUND: Final = {"type": ["string", "number"]}
_MEMBERS: Final = {"type": "array", "items": _SCALAR, "minItems": 1}

_LT, _LE, _GT, _GE = map(_ordered, (operator.lt, operator.le, operator.gt, operator.ge))

WORDS: Final[Mapping[str, Word]] = {
    "eq": Word(_scalar, _equal, _other(_equal), _SCALAR),
    "ne": Word(_scalar, _other(_equal), _equal, _SCALAR),
    "lt": Word(_bound, _LT, _GE, _BOUND),
    "le": Word(_bound, _LE, _GT, _BOUND),
    "gt": Word(_bound, _GT, _LE, _BOUND),
    "ge": Word(_bound, _GE, _LT, _BOUND),
    "in": Word(_members, _member, _other(_member), _MEMBERS),
    "not_in": Word(_members, _other(_member), _member, _MEMBERS),
    "exists": Word(_flag, _exists, lambda flag: _exists(not flag), {"type": "boolean"}),
}
