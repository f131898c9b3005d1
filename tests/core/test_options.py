import enum
import json
from typing import Any, Literal

import attrs
import jsonschema
import pytest

from geowatch_core import ConfigurationError, Mistake, OptionsError
from geowatch_core.memory.options import (
    MemoryConsumerOptions,
    MemoryProducerOptions,
    MemoryStoreOptions,
)
from geowatch_core.options import Options, TopicOptions, Untyped, at_least, nearest, option, schema


class Start(enum.StrEnum):
    OLDEST = "oldest"
    NEWEST = "newest"


@attrs.frozen(kw_only=True)
class Example(TopicOptions):
    """One option of each kind."""

    host: str = option(doc="Where the service is.")
    port: int | None = option(None, doc="Its port.", validator=at_least(1))
    start: Start = option(Start.NEWEST, doc="Where to begin.")
    mode: Literal["fast", "safe"] = option("safe", doc="How.")
    tags: list[str] = option(attrs.Factory(list), doc="Names.")
    limit: int = option(3, doc="How many.", converter=int)

    def __attrs_post_init__(self) -> None:
        if self.port == 13 and self.mode == "safe":
            raise ConfigurationError("Port 13 is not safe", got=self.port, fix="Take another.")


NEEDED = {"topic": "t", "host": "h"}


def mistakes(values: dict[str, Any], place: str = "") -> list[str]:
    """Every mistake that reading these values finds, as text."""
    with pytest.raises(OptionsError) as raised:
        Example.read(values, place)
    for mistake in raised.value.mistakes:
        assert str(mistake) in str(raised.value)
    return [str(mistake) for mistake in raised.value.mistakes]


def test_plain_values_become_options() -> None:
    """Texts become words, whole numbers seconds; what is absent has its default."""
    read = Example.read({**NEEDED, "port": 1, "start": "oldest", "timeout": 2, "limit": "7"})
    assert (read.port, read.start, read.timeout, read.limit) == (1, Start.OLDEST, 2.0, 7)
    assert type(read.timeout) is float
    assert (read.mode, read.tags, read.max_tries, read.sleep_period) == ("safe", [], 12, 5.0)
    assert read.codec == "plain"


def test_every_mistake_is_found_at_once() -> None:
    """Unknown, missing, ill-typed and out of range: one error lists all, each with its place."""
    given = {
        "hots": "h",
        "port": "80",
        "start": "newst",
        "mode": 1,
        "tags": ["a", 2],
        "limit": "many",
        "max_tries": 0,
        "timeout": float("nan"),
        "sleep_period": float("inf"),
        "topic": None,
    }
    assert mistakes(given, "brokers[0]") == [
        "brokers[0].hots: is not an option here. Did you mean host?",
        "brokers[0].max_tries: must be at least 1, and finite. How often opening is tried.",
        "brokers[0].sleep_period: must be at least 0, and finite. Seconds between two tries.",
        "brokers[0].timeout: must be at least 0, and finite. "
        "Seconds that one call of the service may take.",
        "brokers[0].topic: Expected `str`, got `null`. The topic, stream, queue or channel.",
        "brokers[0].host: is required. Where the service is.",
        "brokers[0].port: Expected `int | null`, got `str`. Its port.",
        "brokers[0].start: Expected one of oldest, newest, got 'newst'. Did you mean newest?",
        "brokers[0].mode: Expected `str`, got `int`. How.",
        "brokers[0].tags[1]: Expected `str`, got `int`. Names.",
        "brokers[0].limit: invalid literal for int() with base 10: 'many'. How many.",
    ]


def test_an_unknown_option_like_no_other_lists_all() -> None:
    """Where nothing is near, the known options are named."""
    (mistake,) = mistakes({**NEEDED, "zzz": 1})
    assert mistake.startswith("zzz: is not an option here. Known are: codec, host, limit,")


def test_options_that_are_wrong_together_are_a_mistake_too() -> None:
    """What a class refuses as a whole has the place of the whole."""
    expected = "brokers[0]: Port 13 is not safe (got 13). Take another."
    assert mistakes({**NEEDED, "port": 13}, "brokers[0]") == [expected]
    assert Example.read({**NEEDED, "port": 13, "mode": "fast"}).port == 13


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", True), ("port", 1.5), ("verbose", 1), ("verbose", "true"), ("timeout", "5")],
)
def test_a_value_of_another_type_is_not_bent_into_shape(name: str, value: object) -> None:
    """A text is no number and a number no truth value: who wrote it meant something else."""
    (mistake,) = mistakes({**NEEDED, name: value})
    assert mistake.startswith(f"{name}: Expected `")


def test_text_from_the_environment_is_read_as_the_type_of_its_option() -> None:
    """Where there is nothing but text, "5" is a number for an option that is one."""
    read = Example.read({**NEEDED, "port": Untyped("5"), "verbose": Untyped("true")})
    assert (read.port, read.verbose) == (5, True)
    assert mistakes({**NEEDED, "port": Untyped("x")}) == [
        "port: Expected `int | null`, got `str`. Its port."
    ]


@pytest.mark.parametrize(
    ("value", "fits"), [(0.9, False), (1, True), (1.1, True), (None, True), (-1e308, False)]
)
def test_at_least_takes_its_bound_and_what_is_above(value: float | None, fits: bool) -> None:
    """The bound itself is allowed, and so is None where the option may be absent."""
    attribute: Any = None
    if fits:
        at_least(1)(None, attribute, value)
    else:
        with pytest.raises(ValueError, match="must be at least 1"):
            at_least(1)(None, attribute, value)


def test_the_topic_has_its_prefix() -> None:
    """What the service calls the topic is the prefix and the topic, and labels the channel."""
    read = Example.read({**NEEDED, "topic": "quakes", "topic_prefix": "test-"})
    assert read.full_topic == read.label == "test-quakes"
    assert Example.read(NEEDED).label == "t"
    assert Options().label == ""


def test_options_are_frozen() -> None:
    """Nobody changes what a role was made with."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Example.read(NEEDED).host = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kafak", "Did you mean kafka?"),
        ("Kafka", "Did you mean kafka?"),
        ("zzz", "Known are: kafka, memory."),
    ],
)
def test_nearest_names_the_nearest_or_all(name: str, said: str) -> None:
    """A slip leads to the one name that was meant, anything else to all names, sorted."""
    assert nearest(name, ["memory", "kafka"]) == said


def test_nearest_of_nothing() -> None:
    """Where nothing is known, that is what it says."""
    assert nearest("kafka", []) == "Known are: none."


def test_a_mistake_without_a_place_or_a_fix() -> None:
    """What is missing leaves no stray punctuation."""
    assert str(Mistake("", "is wrong")) == "is wrong."
    assert str(Mistake("a", "is wrong", "Mend it.")) == "a: is wrong. Mend it."


CLASSES: list[type[Options]] = [
    Example,
    MemoryConsumerOptions,
    MemoryProducerOptions,
    MemoryStoreOptions,
]


@pytest.mark.parametrize("cls", CLASSES)
def test_the_schema_is_json_schema_and_stands_alone(cls: type[Options]) -> None:
    """It can be written as JSON, is valid by its own standard, and refers to nothing outside."""
    made = json.loads(json.dumps(schema(cls)))
    jsonschema.Draft202012Validator.check_schema(made)
    assert "$ref" not in json.dumps(made)
    assert set(made["properties"]) == {field.name for field in attrs.fields(cls)}
    assert all(described["description"] for described in made["properties"].values())


@pytest.mark.parametrize(
    "values",
    [
        NEEDED,
        {**NEEDED, "port": None, "start": "oldest", "mode": "fast", "tags": ["a"]},
        {**NEEDED, "port": 1, "timeout": 0, "max_tries": 1},
        {"topic": "t"},
        {**NEEDED, "hots": "h"},
        {**NEEDED, "port": 0},
        {**NEEDED, "port": "80"},
        {**NEEDED, "start": "first"},
        {**NEEDED, "mode": "slow"},
        {**NEEDED, "tags": [1]},
        {**NEEDED, "verbose": 1},
        {**NEEDED, "timeout": -0.1},
    ],
    ids=str,
)
def test_the_schema_takes_what_reading_takes(values: dict[str, Any]) -> None:
    """An editor that checks against the schema agrees with the program."""
    valid = jsonschema.Draft202012Validator(schema(Example)).is_valid(values)
    try:
        Example.read(values)
    except OptionsError:
        assert not valid
    else:
        assert valid
