"""The filters against a slow reference that takes one message at a time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core.filter import parse
from tests.core.filter.run import verdicts

WORDS = ("eq", "ne", "lt", "le", "gt", "ge")


def kind_of(value):
    """What JSON calls the type of a value; None for nothing."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def negated(verdict):
    """Not of a verdict."""
    return None if verdict is None else not verdict


def compared(word, value, constant):
    """The verdict of one comparison on one value."""
    if word == "exists":
        return (value is not None) is constant
    if value is None:
        return None
    if word == "in":
        return any(compared("eq", value, each) for each in constant)
    if word in ("ne", "not_in"):
        return negated(compared({"ne": "eq", "not_in": "in"}[word], value, constant))
    same_kind = kind_of(value) == kind_of(constant)
    if word == "eq":
        return same_kind and value == constant
    if not same_kind or kind_of(value) not in ("number", "text") or value != value:
        return None
    signs = {"lt": [-1], "le": [-1, 0], "gt": [1], "ge": [0, 1]}
    return (value > constant) - (value < constant) in signs[word]


def positions(geometry):
    """All positions of a geometry; raises where something is none."""
    if geometry.get("coordinates") is None:
        return [p for member in geometry["geometries"] for p in positions(member)]
    return flattened(geometry["coordinates"])


def flattened(nested):
    """All positions in nested lists; raises where something is none."""
    if not isinstance(nested, list):
        raise TypeError
    if nested and not isinstance(nested[0], list):
        if [kind_of(x) for x in nested[:2]] != ["number", "number"]:
            raise TypeError
        if any(isinstance(x, float) and not math.isfinite(x) for x in nested[:2]):
            raise ValueError
        return [nested]
    return [position for item in nested for position in flattened(item)]


def in_box(geometry, box):
    """The verdict of a box of four numbers on one geometry."""
    try:
        found = positions(geometry)
    except (TypeError, ValueError, AttributeError, KeyError):
        return None
    if not found:
        return None
    west, south, east, north = box
    least, most = min(p[0] for p in found), max(p[0] for p in found)
    ranges = [(west, east)] if west <= east else [(west, 180), (-180, east)]
    ranges += [(-x, -x) for x in (180, -180) if any(a <= x <= b for a, b in ranges)]
    return any(least <= b and most >= a for a, b in ranges) and (
        min(p[1] for p in found) <= north and max(p[1] for p in found) >= south
    )


def verdict(config, message):
    """What a filter says of one message, written as plainly as possible."""
    if "path" in config:
        found = [
            compared(word, message.get(config["path"]), constant)
            for word, constant in config.items()
            if word != "path"
        ]
    elif "bbox" in config:
        return in_box(message.get("geometry"), config["bbox"])
    elif "not" in config:
        return negated(verdict(config["not"], message))
    elif "any" in config:
        # De Morgan: any is the not of all of not.
        return negated(verdict({"all": [{"not": part} for part in config["any"]]}, message))
    else:
        found = [verdict(part, message) for part in config["all"]]
    return False if False in found else None if None in found else True


# Few different numbers, so that they often meet.
near = st.sampled_from([-180, -90.5, 0, 1, 1.0, 45, 90.5, 170.0, 180])
bounds = st.one_of(near, st.sampled_from(["", "a", "b"]))
scalars = st.one_of(bounds, st.booleans())
values = st.one_of(
    scalars,
    st.none(),
    st.just(math.nan),
    st.lists(scalars, max_size=2),
    st.just({"a": 1}),
)
numbers = st.one_of(near, near, near, st.sampled_from([None, True, "a", math.inf, 10**400]))
position = st.lists(near, min_size=2, max_size=3) | st.lists(numbers, max_size=3)
coordinates = st.one_of(
    position,
    position,
    st.lists(position, max_size=3),
    st.lists(st.lists(position, max_size=3), max_size=2),
    values,
)
simple = st.fixed_dictionaries({"type": st.just("?")}, optional={"coordinates": coordinates})
geometries = st.one_of(
    simple,
    simple,
    st.fixed_dictionaries({"geometries": st.lists(simple, max_size=3) | values}),
    values,
)
messages = st.fixed_dictionaries({}, optional={"x": values, "y": values, "geometry": geometries})


@st.composite
def boxes(draw):
    """Boxes of four numbers, many of them at or across the antimeridian."""
    south, north = sorted([draw(st.integers(-90, 90)), draw(st.integers(-90, 90))])
    longitude = st.sampled_from([-180, -170, 0, 45, 170, 180])
    return [draw(longitude), south, draw(longitude), north]


members = st.lists(scalars, min_size=1, max_size=3)
constants = {
    **{word: scalars if word in ("eq", "ne") else bounds for word in WORDS},
    "in": members,
    "not_in": members,
    "exists": st.booleans(),
}


@st.composite
def comparisons(draw):
    """Tables of one or two comparisons."""
    words = draw(st.lists(st.sampled_from(sorted(constants)), min_size=1, max_size=2, unique=True))
    return {"path": draw(st.sampled_from("xy")), **{word: draw(constants[word]) for word in words}}


configs = st.recursive(
    comparisons() | boxes().map(lambda box: {"bbox": box}),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=5,
)
runs = st.lists(messages, max_size=6)


@given(st.data())
def test_a_comparison_says_what_the_reference_says(data):
    """One word at a time, over runs of odd values."""
    config = data.draw(comparisons())
    run = data.draw(runs)
    assert verdicts(parse(config), run) == [verdict(config, message) for message in run]


@given(boxes(), st.lists(geometries, max_size=6))
def test_a_box_says_what_the_reference_says(box, found):
    """Over runs in which points, other geometries and odd things are mixed."""
    run = [{"geometry": geometry} for geometry in found]
    assert verdicts(parse({"bbox": box}), run) == [in_box(each, box) for each in found]


@given(configs, runs)
def test_any_filter_says_what_the_reference_says(config, run):
    """Composed as deep as it may be: met, not met, and unknown alike."""
    assert verdicts(parse(config), run) == [verdict(config, message) for message in run]


@given(configs, runs)
def test_the_company_of_a_message_does_not_matter(config, run):
    """A run gives the same as each of its messages alone."""
    whole = verdicts(parse(config), run)
    assert whole == [one for message in run for one in verdicts(parse(config), [message])]


@pytest.mark.long
@given(configs, st.lists(messages, min_size=90, max_size=100))
def test_full_runs_say_what_the_reference_says(config, run):
    """The same over runs as long as a broker makes them."""
    assert verdicts(parse(config), run) == [verdict(config, message) for message in run]
