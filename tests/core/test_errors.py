import copy
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

import geowatch_core
from geowatch_core import errors
from geowatch_core.errors import (
    AlreadySettledError,
    BrokenBackendError,
    ConfigurationError,
    EncodeError,
    GeoWatchError,
    Mistake,
    OptionsError,
    RetryableError,
    TooLargeError,
)

TREE: list[type[GeoWatchError]] = [
    one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, GeoWatchError)
]
LINE = re.compile(r"^([ │├└─]*)(\w+Error)(?: \((\w+)\))?(?: +.*)?$")


def drawn() -> dict[str, tuple[str | None, set[str]]]:
    """Each class in the drawing: the one it hangs from, and the builtin in brackets."""
    assert errors.__doc__ is not None
    found: dict[str, tuple[str | None, set[str]]] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        # four columns a level, below the four that the whole drawing is indented by
        if match := LINE.match(line.removeprefix("    ")):
            lead, name, builtin = match.groups()
            above[len(lead) // 4 :] = [name]
            parent = above[-2] if len(above) > 1 else None
            found[name] = parent, {builtin} if builtin else set()
    return found


def in_code() -> dict[str, tuple[str | None, set[str]]]:
    """Each class: the one of ours it inherits, and the builtins beside."""
    found: dict[str, tuple[str | None, set[str]]] = {}
    for one in TREE:
        ours = [base.__name__ for base in one.__bases__ if issubclass(base, GeoWatchError)]
        builtins = {base.__name__ for base in one.__bases__} - {*ours, "Exception"}
        found[one.__name__] = ours[0] if ours else None, builtins
    return found


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    """Every error class is drawn where it hangs, with the builtin it inherits, and no other."""
    assert drawn() == in_code()
    assert len(TREE) == 20


def test_every_error_is_exported() -> None:
    """Whoever catches an error finds its class in the package itself."""
    names = {one.__name__ for one in TREE}
    assert names <= set(errors.__all__)
    assert names <= set(geowatch_core.__all__)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_three_parts(kind: Any) -> None:
    """Of each class, the message says what happened, with which value, and what to do about it."""
    if kind is OptionsError:
        error = kind("These options cannot be used", [Mistake("host", "is no host", "Name one.")])
        assert str(error) == "These options cannot be used. host: is no host. Name one."
    else:
        error = kind("The port is taken", got=80, fix="Choose another.")
        assert str(error) == "The port is taken (got 80). Choose another."
        assert (error.what, error.fix) == ("The port is taken", "Choose another.")


def test_every_raise_in_the_sources_says_what_to_do() -> None:
    """No error of ours is raised anywhere without telling its reader what to do about it."""
    names = "|".join(sorted(one.__name__ for one in TREE if one is not OptionsError))
    call = re.compile(rf"\b(?:{names})\((?=\s*f?[\"'])")
    silent: list[str] = []
    files = sorted(Path(inspect.getfile(geowatch_core)).parent.rglob("*.py"))
    for file in files:
        text = file.read_text(encoding="utf-8")
        silent += [
            f"{file.name}:{text[: found.start()].count(chr(10)) + 1}"
            for found in call.finditer(text)
            if "fix=" not in _arguments(text, found.end())
        ]
    assert len(files) > 40
    assert not silent


def _arguments(text: str, start: int) -> str:
    """What stands between a bracket before `start` and the one that closes it."""
    depth, at, quote = 1, start, ""
    while depth:
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
        at += 1
    return text[start:at]


def test_a_value_is_shown_escaped() -> None:
    """A value cannot write lines, colours or look-alike letters into a log."""
    error = GeoWatchError("Odd", got="a\nb\x1b[31m \u0430")
    assert str(error) == r"Odd (got 'a\nb\x1b[31m \u0430')."


def test_a_long_value_is_cut_and_says_how_long_it_is() -> None:
    """A value is shown up to 200 characters, quote marks included."""
    assert str(GeoWatchError("Long", got="x" * 198)) == f"Long (got '{'x' * 198}')."
    assert str(GeoWatchError("Long", got="x" * 199)) == f"Long (got '{'x' * 199}… (201 chars))."


def test_none_is_a_value_like_any_other() -> None:
    """An error about None says so; an error about no value has no brackets."""
    assert str(GeoWatchError("Odd", got=None)) == "Odd (got None)."
    assert str(GeoWatchError("Odd")) == "Odd."


def test_a_value_that_cannot_be_shown_does_not_hide_the_error() -> None:
    """An integer of too many digits, a list of too many levels, a broken repr: named by type."""

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("broken")

    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert str(EncodeError("Too big", got=10**5_000)) == "Too big (got an int)."
    assert str(EncodeError("Too deep", got=deep)) == "Too deep (got a list)."
    assert str(EncodeError("Odd", got=Broken())) == "Odd (got a Broken)."
    while deep:  # level by level: all at once would overflow the stack of the interpreter
        deep = deep.pop()


def test_a_huge_value_is_not_copied_to_be_shown() -> None:
    """Showing 200 characters of 32 MB takes less than one more megabyte."""
    import tracemalloc

    huge = b"\xff" * 32_000_000
    tracemalloc.start()
    try:
        text = str(GeoWatchError("Huge", got=huge))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert text.startswith(r"Huge (got b'\xff\xff")
    assert text.endswith("… (32000000 bytes)).")
    assert peak < 1_000_000


def test_the_builtin_that_a_caller_would_catch_catches_it() -> None:
    """A throttle is a ConnectionError, a failed import an ImportError, too large a ValueError."""
    assert issubclass(RetryableError, ConnectionError)
    assert issubclass(BrokenBackendError, ImportError)
    assert issubclass(TooLargeError, ValueError)


def test_options_error_lists_every_mistake() -> None:
    """All that is wrong stands in one message, each with its place, and as data beside it."""
    mistakes = [Mistake("a.host", "is required"), Mistake("", "Two of these exclude each other")]
    error = OptionsError("These options cannot be used", mistakes)
    assert error.mistakes == tuple(mistakes)
    assert str(error) == (
        "These options cannot be used. a.host: is required.\n  Two of these exclude each other."
    )


@pytest.mark.parametrize(
    "error",
    [
        AlreadySettledError("Settled before", got=7, fix="Settle once."),
        RetryableError("Throttled", got="429", fix="Wait.", retry_after=3.5),
        OptionsError("Wrong", [Mistake("host", "is required")]),
        BrokenBackendError("geowatch-x 1 failed", got="x", fix="Upgrade it."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_the_way_between_processes(error: GeoWatchError) -> None:
    """Pickled or copied, as process pools do, an error keeps its text and what it carries."""
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)
    assert isinstance(error, ConfigurationError | AlreadySettledError | RetryableError)
