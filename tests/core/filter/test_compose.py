import pytest

from geowatch_core.errors import ConfigurationError
from geowatch_core.filter import All, Any, BBox, Filter, Not, where
from geowatch_core.path import Path
from tests.core.filter.run import columns, verdicts

# Three values for each of a and b: met, known not to be met, unknown.
NINE = [{"a": a, "b": b} for a in (1, 0, None) for b in (1, 0, None)]
A, B = where("a") == 1, where("b") == 1
T, F, U = True, False, None


def test_all_is_known_not_to_be_met_once_one_is():
    """All over the nine pairs, by Kleene's table: unknown and false is false."""
    assert verdicts(A & B, NINE) == [T, F, U, F, F, F, U, F, U]


def test_any_is_met_once_one_is():
    """Any over the nine pairs, by Kleene's table: unknown or true is true."""
    assert verdicts(A | B, NINE) == [T, T, T, T, F, U, T, U, U]


def test_not_of_unknown_is_unknown():
    """Neither a comparison nor its not keeps a message of which nothing is known."""
    assert verdicts(A, NINE[::3]) == [T, F, U]
    assert verdicts(~A, NINE[::3]) == [F, T, U]
    assert verdicts(Not(~A), NINE[::3]) == [T, F, U]


def test_de_morgan():
    """Not of all is any of not, and the other way round, also for unknown."""
    assert verdicts(~(A & B), NINE) == verdicts(~A | ~B, NINE)
    assert verdicts(~(A | B), NINE) == verdicts(~A & ~B, NINE)


def test_operators_make_the_composed_filters():
    """&, | and ~ build All, Any and Not, and a chain of one of them is one flat filter."""
    third = where("c") == 1
    assert All((A, B)) == A & B
    assert A & B & third == All([A, B, third])
    assert A | B | third == Any((A, B, third))
    assert A & B | third == Any((All((A, B)), third))
    assert Not(A) == ~A
    assert ~~A == A


def test_paths_are_those_of_the_parts_once_each():
    """Each path is read once, in the order in which the parts name them."""
    composed = ~(A & BBox([0, 0, 1, 1])) | A | B
    assert [str(path) for path in composed.paths] == [
        "a",
        "geometry.coordinates",
        "geometry.geometries",
        "b",
    ]


class Never(Filter):
    """Fails when it is asked."""

    paths = (Path.parse("a"),)

    def mask(self, columns):
        """Must not be called."""
        raise AssertionError

    inverse = mask


def test_a_part_that_cannot_change_the_answer_is_not_asked():
    """After a run is settled by the first part, the others cost nothing."""
    ones, zeros = [{"a": 1}] * 3, [{"a": 0}] * 3
    assert (A & Never()).mask(columns(A, zeros)) == [False] * 3
    assert (A | Never()).mask(columns(A, ones)) == [True] * 3
    assert (A & Never()).inverse(columns(A, zeros)) == [True] * 3
    assert (A | Never()).inverse(columns(A, ones)) == [False] * 3


def test_a_filter_of_one_s_own_combines_with_the_others():
    """Three methods make a filter; nothing has to be registered."""

    class Even(Filter):
        paths = (Path.parse("a"),)

        def mask(self, columns):
            """Where the number is even."""
            return [isinstance(x, int) and x % 2 == 0 for x in columns[self.paths[0]]]

        def inverse(self, columns):
            """Where it is odd."""
            return [isinstance(x, int) and x % 2 == 1 for x in columns[self.paths[0]]]

    values = [{"a": 1}, {"a": 2}, {"a": 4}, {"a": "x"}]
    assert verdicts(Even() & (where("a") > 2), values) == [F, F, T, U]
    assert verdicts(~Even(), values) == [T, F, F, U]


@pytest.mark.parametrize("kind", [All, Any])
def test_nothing_to_combine_is_refused(kind):
    """An empty list could mean everything or nothing, so that it means neither."""
    with pytest.raises(ConfigurationError) as caught:
        kind([])
    assert str(caught.value) == (
        "Nothing to combine: the list of filters is empty. Leave it out to keep every message."
    )


def test_what_is_no_filter_is_refused_with_a_word_on_parentheses():
    """``f & where("b") >= 4`` asks Python for ``f & where("b")`` first."""
    with pytest.raises(TypeError, match=r"not with Property\. Put a comparison in parentheses"):
        A & where("b") >= 4  # noqa: B015
    with pytest.raises(TypeError, match="not with function"):
        Not(lambda value: True)


def test_composed_filters_are_values():
    """Equal parts make equal filters, which hash alike; all and any of the same parts differ."""
    assert len({A & B, All((A, B)), Any((A, B)), Not(A), Not(A)}) == 3
