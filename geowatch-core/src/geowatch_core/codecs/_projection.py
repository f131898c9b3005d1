"""Readers that decode nothing but what is at certain paths.

msgspec decodes JSON into structs and skips what they have no field for. So for the paths that a
reader was asked for, structs with just these fields are made, and each column is what
``operator.attrgetter`` finds in them: no Python code runs per message. Whatever goes wrong on that
way, be the message bad or only unusual, is settled by the codec's own ``decode``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from geowatch_core.codec import Reader, Reading
from geowatch_core.codecs import _json
from geowatch_core.errors import DecodeError
from geowatch_core.path import MISSING, Path

Tree = dict[str, "Tree | None"]
"""Members by name and what is wanted inside them; None is all of it."""

Rows = Callable[[Sequence[bytes]], list[Any]]
"""Decodes a run into structs, or raises one of `REFUSED`: then each message is looked at."""

_NAME: Final = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')  # what msgspec takes for a name

REFUSED: Final = (*_json.REFUSED, AttributeError, TypeError)
"""What the quick way raises where only the exact way can tell."""


def tree(paths: Sequence[Path], whole: Collection[tuple[str, ...]] = ()) -> Tree | None:
    """What is wanted inside a message; of the members at `whole`, all of it.

    None if that is the whole message.
    """
    top: Tree = {}
    for path in paths:
        inside: Tree | None = top
        steps = _structured(path.steps, whole)
        if not steps:
            return None
        for step in steps[:-1]:
            if inside is not None:
                inside = inside.setdefault(step, {})
        if inside is not None:
            inside[steps[-1]] = None
    return top


def _structured(steps: tuple[str, ...], whole: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    """The steps that structs can take: up to a member that is wanted whole, or to an index."""
    for at, step in enumerate(steps):
        if steps[:at] in whole or not _NAME.fullmatch(step) or (at and step.isdecimal()):
            return steps[:at]
    return steps


def field(name: str) -> str:
    """The struct's field for a member's name, which may be no Python identifier."""
    return "m" + name.encode().hex()


def struct(name: str, wanted: Mapping[str, Tree | None], typed: Sequence[Any] = ()) -> type[Any]:
    """A struct with a field for each of `wanted`, besides `typed` fields for other members.

    Args:
        name: what msgspec calls it in errors.
        wanted: the members; a field is missing where the member is.
        typed: name of the member, its type, and its default if it need not be there.
    """
    fields: list[Any] = [(field(member), *rest) for member, *rest in typed]
    for member, inside in wanted.items():
        if inside is None:
            fields.append((field(member), Any, MISSING))
        else:
            # Where it is absent, what is inside is missing. Where it is null, too, but there the
            # struct has no place to say so, and the column is made the slow way.
            kind = struct(member, inside)
            fields.append((field(member), kind | None, msgspec.field(default_factory=kind)))
    names = {field(member): member for member in (*wanted, *(member for member, *_ in typed))}
    return msgspec.defstruct(name, fields, rename=names, gc=False, kw_only=True)


def decoder(kind: Any) -> Rows:
    """Decodes each message of a run as `kind`."""
    decode = msgspec.json.Decoder(kind).decode
    return lambda run: list(map(decode, run))


def reader(
    decode: Callable[[bytes], Any], rows: Rows, paths: Sequence[Path], wanted: Tree
) -> Reader:
    """A reader that takes the quick way, and the exact one where that cannot tell.

    Args:
        decode: the exact way: the codec's own.
        rows: the quick way: structs with fields for `wanted`.
        paths: what the reader was asked for.
        wanted: the tree of these paths.
    """
    columns = [_column(path, wanted) for path in paths]

    def read(run: Sequence[bytes]) -> Reading:
        suspects = _json.suspects(run)
        if not suspects:
            try:
                return Reading(_found(rows(run), columns), {})
            except REFUSED:
                pass
        return exactly(run, suspects)

    def exactly(run: Sequence[bytes], suspects: Collection[int]) -> Reading:
        errors: dict[int, DecodeError] = {}
        found: list[Sequence[Any]] = []
        for index, data in enumerate(run):
            try:
                found.append(one(data, index in suspects))
            except DecodeError as error:
                errors[index] = error
                found.append([MISSING] * len(paths))
        return Reading(tuple([row[at] for row in found] for at in range(len(paths))), errors)

    def one(data: bytes, suspect: bool) -> Sequence[Any]:
        if not suspect:
            try:
                return [column[0] for column in _found(rows((data,)), columns)]
            except REFUSED:
                pass
        value = decode(data)
        return [path.find(value) for path in paths]

    return read


def _found(
    rows: list[Any], columns: Sequence[Callable[[list[Any]], list[Any]]]
) -> tuple[list[Any], ...]:
    return tuple(column(rows) for column in columns)


def _column(path: Path, wanted: Tree) -> Callable[[list[Any]], list[Any]]:
    """Finds the values at `path` in structs that have fields for `wanted`."""
    taken, inside = 0, wanted.get(path.steps[0])
    while inside is not None:
        taken += 1
        inside = inside[path.steps[taken]]
    get = attrgetter(".".join(map(field, path.steps[: taken + 1])))
    rest = Path(path.steps[taken + 1 :])

    def column(rows: list[Any]) -> list[Any]:
        try:
            found = list(map(get, rows))
        except AttributeError:
            found = [_get(get, row) for row in rows]
        return list(map(rest.find, found)) if rest.steps else found

    return column


def _get(get: Callable[[Any], Any], row: Any) -> Any:
    try:
        return get(row)
    except AttributeError:  # null on the way
        return MISSING
