import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core import Mistake, provision_broker
from geowatch_core.config.environment import Environment
from tests.core.config.configs import simple

VARIABLES = {"A": "1", "EMPTY": "", "NESTED": "${A}", "DOLLARS": "$$"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${NONE:-text}", "text"),
        ("${NONE:-}", ""),
        ("${EMPTY:-text}", "text"),
        ("${EMPTY}", ""),
        ("${A:-text}", "1"),
        ("${NONE:-a b:-c$}", "a b:-c$"),
        ("$${A}", "${A}"),
        ("$$$$", "$$"),
        ("$A", "$A"),
        ("costs $5", "costs $5"),
        ("$", "$"),
        ("${NESTED}", "${A}"),
        ("${DOLLARS}", "$$"),
        ("$${", "${"),
        ("}{A}", "}{A}"),
    ],
)
def test_variables_are_replaced_in_texts(text: str, expected: str) -> None:
    """Once, and nothing but ``${NAME}``, ``${NAME:-text}`` and ``$$``."""
    environment = Environment(VARIABLES)
    assert environment.replaced({"a": [text, 1, None]}) == {"a": [expected, 1, None]}
    assert environment.mistakes == []


def test_keys_are_not_replaced() -> None:
    """What an option is called is nobody's secret."""
    assert Environment(VARIABLES).replaced({"${A}": True}) == {"${A}": True}


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${1A}", "${A-b}", "${A:b}", "${ A}", "${Ä}"])
def test_what_looks_like_a_variable_and_is_none_is_a_mistake(text: str) -> None:
    """It would otherwise be handed to a service as it is written."""
    environment = Environment(VARIABLES)
    environment.replaced({"key": [text]})
    assert [mistake.place for mistake in environment.mistakes] == ["key[0]"]


def test_a_variable_is_read_as_what_the_option_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment has texts only; a number, a switch and a text are what they must be."""
    monkeypatch.setenv("COUNT", "7")
    monkeypatch.setenv("SECONDS", "0.5")
    monkeypatch.setenv("YES", "true")
    monkeypatch.setenv("DIGITS", "0123")
    config = simple(
        name="${DIGITS}",
        count="${COUNT}",
        timeout="${SECONDS}",
        filter_last_one="${YES}",
        deduplicate="${YES}",
        retry={"attempts": "${COUNT}"},
    )
    config["consumers"][0]["max_unsettled"] = "${COUNT}"
    with provision_broker(config) as broker:
        assert (broker.count, broker.timeout, broker.name) == (7, 0.5, "0123")


def test_a_literal_text_is_not_read_as_a_number() -> None:
    """Who writes quotes means a text."""
    from geowatch_core.config import check_config

    assert "Expected `int`" in str(check_config(simple(count="7")).mistakes[0])


@given(
    secret=st.text(min_size=4, max_size=40),
    before=st.text(max_size=10),
    after=st.text(max_size=10),
    cut=st.integers(0, 40),
)
def test_no_sentence_shows_four_characters_of_a_secret(
    secret: str, before: str, after: str, cut: int
) -> None:
    """Wherever a sentence was cut, and whatever stands around the secret."""
    environment = Environment({"S": secret})
    environment.replaced({"key": "x${S}y"})
    shown = Mistake("key", f"{before}{secret[cut:]}{after}", secret[:cut])
    (discreet,) = environment.discreet([shown])
    if discreet != shown:
        assert "${S}" in discreet.what
    else:
        pieces = [secret[i : i + 4] for i in range(len(secret) - 3)]
        assert not any(piece in f"{shown.what} {shown.fix}" for piece in pieces)


def test_mistakes_elsewhere_are_shown_as_they_are() -> None:
    """A short variable must not blot out what has nothing to do with it."""
    environment = Environment({"S": "a"})
    environment.replaced({"key": "${S}", "other": 1})
    mistake = Mistake("other", "a mistake about a", "a fix")
    assert environment.discreet([mistake]) == [mistake]
