import math

import pytest

from geowatch_core.errors import ConfigurationError
from geowatch_core.filter import All, Comparison, Property, where
from geowatch_core.path import Path
from tests.core.filter.run import columns, verdicts

NAN = math.nan


def of(comparison, *values):
    """The verdicts on values that stand at `x`."""
    return verdicts(comparison, [{"x": value} for value in values])


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (where("x") < 2, [True, False, False]),
        (where("x") <= 2, [True, True, False]),
        (where("x") > 2, [False, False, True]),
        (where("x") >= 2, [False, True, True]),
        (where("x") == 2, [False, True, False]),
        (where("x") != 2, [True, False, True]),
        (where("x").in_([1, 3]), [True, False, True]),
        (where("x").not_in([1, 3]), [False, True, False]),
        (where("x").exists(), [True, True, True]),
    ],
)
def test_every_word_compares_numbers(comparison, expected):
    """Each word keeps what it says of 1, 2 and 3, whole numbers and fractions alike."""
    assert of(comparison, 1, 2, 3) == expected
    assert of(comparison, 1.0, 2.0, 3.0) == expected


def test_text_compares_with_text():
    """Text is ordered by code points, and is equal when it is the same."""
    assert of(where("x") >= "b", "a", "b", "ba", "B") == [False, True, True, False]
    assert of(where("x") == "ml", "ml", "Ml") == [True, False]


@pytest.mark.parametrize("odd", ["5", True, False, [5], {"y": 5}, math.nan])
def test_what_has_no_order_is_unknown(odd):
    """A value that cannot be put in order with the constant is kept neither way, in any company."""
    assert of(where("x") >= 4.5, odd) == [None]
    assert of(where("x") >= 4.5, 5.0, odd, 4) == [True, None, False]
    assert of(where("x") < 4.5, 5.0, odd, 4) == [False, None, True]


def test_numbers_are_unknown_to_an_order_of_text():
    """A number is neither before nor after a text."""
    assert of(where("x") < "b", 1, "a", 2.5, None, True) == [None, True, None, None, None]


@pytest.mark.parametrize(
    "comparison",
    [
        where("x") == "a",
        where("x") != "a",
        where("x") < 1,
        where("x").in_(["a"]),
        where("x").not_in(["a"]),
    ],
)
def test_missing_and_null_are_unknown(comparison):
    """Where there is no value, no comparison is met and none is known not to be."""
    assert verdicts(comparison, [{}, {"x": None}, None, [], "x"]) == [None] * 5


def test_only_exists_tells_what_is_not_there():
    """Missing and null do not exist; zero, false, and empty things do."""
    values = [{}, {"x": None}, {"x": 0}, {"x": False}, {"x": ""}, {"x": []}]
    assert verdicts(where("x").exists(), values) == [False, False, True, True, True, True]
    absent = Comparison("x", "exists", False)
    assert verdicts(absent, values) == [True, True, False, False, False, False]


@pytest.mark.parametrize("number", [0, 1, 0.0, 1.0])
def test_true_and_false_are_not_numbers(number):
    """In JSON 1 and true differ, and so do 0 and false, though Python has them equal."""
    boolean = bool(number)
    assert of(where("x") == number, number, boolean, not boolean) == [True, False, False]
    assert of(where("x") == boolean, boolean, number, 1 - number) == [True, False, False]
    assert of(where("x") != number, number, boolean) == [False, True]
    assert of(where("x").in_([number, "a"]), number, boolean, "a") == [True, False, True]
    assert of(where("x").in_([boolean, "a"]), boolean, number, "a") == [True, False, True]
    assert of(where("x").not_in([boolean]), boolean, number, None) == [False, True, None]


def test_what_differs_in_type_is_not_equal():
    """Equality is known for any two values: text, lists and objects differ from a number."""
    assert of(where("x") == 5, "5", [5], {"x": 5}) == [False, False, False]
    assert of(where("x") != 5, "5", [5], {"x": 5}) == [True, True, True]
    assert of(where("x").in_([5, "a"]), "5", [5], {"x": 5}) == [False, False, False]


def test_large_numbers_compare_exactly():
    """2**53 + 1, which no float can hold, is greater than 2**53, whatever stands beside it."""
    assert of(where("x") > 2.0**53, 2**53 + 1, 2**53, 0.5) == [True, False, False]
    assert of(where("x") == 2**53 + 1, 2.0**53, 2**53 + 1) == [False, True]


def test_an_empty_run_gives_an_empty_mask():
    """No messages, no answers."""
    for comparison in (where("x") >= 1, where("x") == 1, where("x").in_([1]), where("x").exists()):
        assert of(comparison) == []


def test_a_comparison_looks_at_its_path_only():
    """One path is read, whether given as text or as a path; other columns do no harm."""
    path = Path.parse("properties.mag")
    comparison = where(path) >= 4.5
    assert comparison.paths == (path,)
    assert comparison == (where("properties.mag") >= 4.5)
    assert comparison.mask({path: [5, 4], Path.parse("id"): ["a", "b"]}) == [True, False]


def test_comparisons_are_values():
    """Equal comparisons are equal and hash alike; 4 and 4.0 mean the same, 1 and true do not."""
    assert {where("x") >= 4, where("x") >= 4.0} == {Comparison("x", "ge", 4)}
    assert Comparison("x", "eq", 1) != Comparison("x", "eq", True)
    assert Comparison("x", "in", [1]) != Comparison("x", "in", [True])
    assert Comparison("x", "ge", 4) != Comparison("x", "gt", 4)
    assert repr(where("x").in_({"a"})) == (
        "Comparison(path=Path.parse('x'), word='in', value=('a',))"
    )
    with pytest.raises(AttributeError):
        Comparison("x", "ge", 4).value = 5


def test_the_list_of_a_membership_is_copied():
    """Changing the list afterwards changes no filter."""
    networks = ["us"]
    comparison = where("x").in_(networks)
    networks.append("ak")
    assert of(comparison, "us", "ak") == [True, False]


def test_a_constant_may_stand_on_the_left():
    """``4.5 <= where(...)`` is the same as ``where(...) >= 4.5``."""
    assert Comparison("x", "ge", 4.5) == (4.5 <= where("x"))  # noqa: SIM300 - what is tested


def test_a_chain_raises_rather_than_drop_its_first_half():
    """Python would evaluate ``4 <= x < 5`` to its last comparison alone."""
    with pytest.raises(TypeError, match=r"Combine filters with &, \| and ~"):
        4 <= where("x") < 5  # noqa: B015
    with pytest.raises(TypeError, match="neither true nor false"):
        where("x").exists() and where("y").exists()


def test_a_property_is_not_hashable_and_says_what_it_is():
    """Its equality makes a filter, so that it cannot be looked up."""
    assert repr(where("/a.b")) == "where('/a.b')"
    assert isinstance(where("x"), Property)
    with pytest.raises(TypeError, match="unhashable"):
        hash(where("x"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: where("x") >= True,
            "ge cannot put true and false in an order (got True). Use eq or ne with true or false.",
        ),
        (
            lambda: where("x") < NAN,
            "lt cannot compare with a number that is not finite (got nan). "
            "JSON has no such number; write a finite one.",
        ),
        (
            lambda: where("x").in_([1, math.inf]),
            "in cannot compare with a number that is not finite (got inf). "
            "JSON has no such number; write a finite one.",
        ),
        (
            lambda: where("x") == None,  # noqa: E711
            "eq cannot compare with null. Null is unknown, like missing; "
            "write exists = false to keep what has no value.",
        ),
        (
            lambda: where("x") != [1],
            "ne compares with text, a number, true or false (got [1]). "
            "Write a date or time as the messages do, as text or as a number.",
        ),
        (
            lambda: where("x").in_([]),
            "The list of in is empty. List what it may be, or leave the word out.",
        ),
        (
            lambda: where("x").not_in("us"),
            'not_in needs a list of constants (got \'us\'). Write it like not_in = ["us", "ak"].',
        ),
        (
            lambda: Comparison("x", "exists", 1),
            "exists is either true or false (got 1). Write exists = true, or exists = false.",
        ),
        (
            lambda: Comparison("x", "gte", 1),
            "No such comparison (got 'gte'). Known: eq, ne, lt, le, gt, ge, in, not_in, exists.",
        ),
        (
            lambda: where(5),
            'A path is text (got 5). Write it like "properties.mag".',
        ),
        (
            lambda: where("a..b"),
            "A path has an empty step (got 'a..b'). Write it like properties.mag.",
        ),
    ],
)
def test_a_constant_that_makes_no_sense_is_refused(make, message):
    """The error says what is wrong, with which value, and what to write instead."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert str(caught.value) == message


def test_subclasses_of_numbers_and_text_compare_as_what_they_are():
    """A value pushed in by hand may be of a subclass of int, float or str."""

    class Degrees(float):
        pass

    class Name(str):
        pass

    assert of(where("x") >= 4.5, Degrees(5), None) == [True, None]
    assert of(where("x") >= "b", Name("c"), 1) == [True, None]
    assert of(where("x").in_(["c"]), Name("c"), Degrees(1)) == [True, False]


def test_the_columns_are_left_as_they_are():
    """A mask is computed from the columns and changes nothing in them."""
    both = All((where("x") >= 1, where("x").in_([1, 2])))
    seen = columns(both, [{"x": 1}, {}, {"x": [1]}])
    before = {path: list(column) for path, column in seen.items()}
    both.mask(seen)
    both.inverse(seen)
    assert seen == before
