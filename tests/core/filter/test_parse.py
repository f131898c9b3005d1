import json
import tomllib

import jsonschema
import pytest

from geowatch_core.errors import ConfigurationError, DuplicateNameError, Mistake, OptionsError
from geowatch_core.filter import (
    BUILTIN_KINDS,
    FILTER_REF,
    All,
    Any,
    BBox,
    Comparison,
    Kind,
    Not,
    as_path,
    parse,
    schema,
    where,
)
from geowatch_core.path import Path
from tests.core.filter.run import verdicts

MAG, TYPE = where("properties.mag"), where("properties.type")

GOOD = [
    ('filter = { path = "properties.mag", ge = 4.5 }', MAG >= 4.5),
    ('filter = { path = "properties.mag", ge = 4, lt = 5 }', (MAG >= 4) & (MAG < 5)),
    ('filter = { path = "properties.type", in = ["a", "b"] }', TYPE.in_(["a", "b"])),
    ('filter = { path = "properties.type", not_in = ["a"] }', TYPE.not_in(["a"])),
    ('filter = { path = "properties.type", exists = true }', TYPE.exists()),
    (
        'filter = { path = "properties.type", exists = false }',
        Comparison("properties.type", "exists", False),
    ),
    ('filter = { path = "/a.b", eq = true }', where("/a.b") == True),  # noqa: E712
    ("filter = { bbox = [-125, 32, -114, 42] }", BBox([-125, 32, -114, 42])),
    ('filter = { path = "g", bbox = [0, 0, 1, 1] }', BBox([0, 0, 1, 1], path="g")),
    (
        'filter = [{ path = "properties.mag", gt = 1 }, { bbox = [0, 0, 1, 1] }]',
        All((MAG > 1, BBox([0, 0, 1, 1]))),
    ),
    ('filter = [{ path = "properties.mag", gt = 1 }]', MAG > 1),
    (
        """
        [[filter.any]]
        path = "properties.mag"
        ge = 4.5

        [[filter.any]]
        not = { path = "properties.type", eq = "earthquake" }
        """,
        Any((MAG >= 4.5, Not(TYPE == "earthquake"))),
    ),
    (
        'filter = { all = [{ path = "properties.mag", le = 1 }, { bbox = [0, 0, 1, 1] }] }',
        All((MAG <= 1, BBox([0, 0, 1, 1]))),
    ),
    (
        'filter = { not = [{ path = "properties.mag", lt = 1 }, { bbox = [0, 0, 1, 1] }] }',
        Not(All((MAG < 1, BBox([0, 0, 1, 1])))),
    ),
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_a_configuration_makes_the_same_filter_as_code(text, expected):
    """TOML, and the same as JSON, give a filter equal to the one written in Python."""
    config = tomllib.loads(text)["filter"]
    assert parse(config) == expected
    assert parse(json.loads(json.dumps(config))) == expected


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_the_schema_takes_what_the_parser_takes(text, expected):
    """An editor that follows the schema accepts every good configuration."""
    jsonschema.validate(tomllib.loads(text)["filter"], schema())


def mistakes(config, **kwargs):
    """The texts of all mistakes that the parser finds."""
    with pytest.raises(OptionsError) as caught:
        parse(config, **kwargs)
    return [str(mistake) for mistake in caught.value.mistakes]


EXAMPLE = 'Write it like { path = "properties.mag", ge = 4.5 }.'
HEADS = "Known: all, any, bbox, not, path."
WORDS = "Known: eq, exists, ge, gt, in, le, lt, ne, not_in, path."

BAD = [
    (4.5, [f"filter: Expected a filter (got 4.5). {EXAMPLE}"]),
    ("mag >= 4.5", [f"filter: Expected a filter (got 'mag >= 4.5'). {EXAMPLE}"]),
    (None, [f"filter: Expected a filter (got None). {EXAMPLE}"]),
    (
        [],
        [
            "filter: Expected a list of filters (got []). "
            "Write it like [{ ... }, { ... }], or leave it out to keep every message."
        ],
    ),
    (
        {"all": {"path": "x", "eq": 1}},
        [
            "filter.all: Expected a list of filters (got {'path': 'x', 'eq': 1}). "
            "Write it like [{ ... }, { ... }], or leave it out to keep every message."
        ],
    ),
    (
        {},
        [f"filter: No word here says which kind of filter it is (got []). {HEADS}"],
    ),
    (
        {"bbbox": [0, 0, 1, 1]},
        [
            "filter: No word here says which kind of filter it is (got ['bbbox']). "
            f"Did you mean bbox? {HEADS}"
        ],
    ),
    (
        {"ge": 4.5},
        [
            "filter: No word here says which kind of filter it is (got ['ge']). "
            f"ge belongs to a filter by path: add path = .... {HEADS}"
        ],
    ),
    (
        {"path": "x", "gte": 4.5},
        [
            "filter.gte: A filter by path has no such word (got 'gte'). "
            f"Did you mean ge or gt? {WORDS}"
        ],
    ),
    (
        {"path": "x"},
        [
            "filter.path: Nothing to compare the path with (got 'x'). "
            "Known: eq, ne, lt, le, gt, ge, in, not_in, exists."
        ],
    ),
    (
        {"path": 5, "ge": True},
        [
            'filter.path: A path is text (got 5). Write it like "properties.mag".',
            "filter.ge: ge cannot put true and false in an order (got True). "
            "Use eq or ne with true or false.",
        ],
    ),
    (
        {"all": [{"path": "x", "eq": 1}], "any": [{"path": "x", "eq": 1}]},
        [
            "filter: A table is one filter, and this one is all and any at once. "
            "Give each a table of its own: all = [{ all = ... }, ...]."
        ],
    ),
    (
        {"bbox": [0, 0, 1, 1], "ge": 4},
        [
            "filter.ge: A filter by bbox has no such word (got 'ge'). Known: bbox, path.",
        ],
    ),
    (
        {"bbox": [0, 0, 1], "path": "a..b"},
        [
            "filter.path: A path has an empty step (got 'a..b'). Write it like properties.mag.",
            "filter.bbox: A bbox is a list of 4 or 6 numbers (got [0, 0, 1]). "
            "RFC 7946 §5: [west, south, east, north] in degrees, longitude before latitude, or "
            "[west, south, lowest, east, north, highest].",
        ],
    ),
]


@pytest.mark.parametrize(("config", "expected"), BAD)
def test_a_mistake_says_its_place_what_is_wrong_and_how_to_mend_it(config, expected):
    """Each text has three parts, and each word that is known is named."""
    assert mistakes(config) == expected


@pytest.mark.parametrize(("config", "_"), BAD)
def test_the_schema_refuses_what_the_parser_refuses(config, _):
    """Save what JSON Schema cannot tell, an editor marks the same configurations."""
    if isinstance(config, dict) and config.get("path") == "a..b":
        config = {**config, "path": "a"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, schema())


def test_every_mistake_is_reported_at_once_with_its_place():
    """Nested four deep, five mistakes are five lines, and the good parts are not mentioned."""
    config = {
        "all": [
            {"path": "x", "ge": 1},
            {"bbox": [0, 10, 10, 0]},
            {"any": [{"path": "x", "in": []}, [{"path": "x", "lt": True, "grt": 2}]]},
            {"not": {"nott": 1}},
        ]
    }
    with pytest.raises(OptionsError) as caught:
        parse(config, place="brokers[0].filter")
    assert [mistake.place for mistake in caught.value.mistakes] == [
        "brokers[0].filter.all[1].bbox",
        "brokers[0].filter.all[2].any[0].in",
        "brokers[0].filter.all[2].any[1][0].grt",
        "brokers[0].filter.all[2].any[1][0].lt",
        "brokers[0].filter.all[3].not",
    ]
    assert all(isinstance(mistake, Mistake) for mistake in caught.value.mistakes)
    assert str(caught.value).startswith("The filter is wrong. brokers[0].filter.all[1].bbox: ")


def test_a_place_may_be_empty():
    """Then places begin with the first key."""
    assert mistakes({"not": 1}, place="")[0].startswith("not: Expected a filter")


class Near(Kind):
    """Keeps what is near a number."""

    name = "near"
    words = {"near": {"type": "number"}, "path": {"type": "string"}, "unless": FILTER_REF}  # noqa: RUF012
    paths = (Path.parse("x"),)

    def __init__(self, centre):
        self.centre = centre

    @classmethod
    def from_config(cls, table, parser):
        """Near the number, unless the inner filter is met."""
        if not isinstance(table["near"], int):
            raise ConfigurationError("near is a whole number", got=table["near"], fix="Round it.")
        parser.at("path").make(as_path, table.get("path", "x"))
        unless = parser.at("unless").filter(table["unless"]) if "unless" in table else None
        found = cls(table["near"])
        return found if unless is None else found & ~unless

    def mask(self, columns):
        """Where it is at most 1 away."""
        return [isinstance(x, int) and abs(x - self.centre) <= 1 for x in columns[self.paths[0]]]

    def inverse(self, columns):
        """Where it is further away."""
        return [isinstance(x, int) and abs(x - self.centre) > 1 for x in columns[self.paths[0]]]


def test_another_kind_plugs_in_by_its_head_word():
    """It nests in core's kinds and core's in it, and has its word in the schema."""
    kinds = (*BUILTIN_KINDS, Near)
    config = {"not": {"near": 5, "unless": {"path": "x", "eq": 6}}}
    found = parse(config, kinds=kinds)
    assert verdicts(found, [{"x": x} for x in (4, 5, 6, 7, None)]) == [
        False,
        False,
        True,
        True,
        None,
    ]
    jsonschema.validate(config, schema(kinds=kinds))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, schema())


def test_the_mistakes_of_another_kind_have_their_place_as_well():
    """What it raises stands at its head word; what is within it stands at its own place."""
    kinds = (*BUILTIN_KINDS, Near)
    assert mistakes([{"near": 1.5}], kinds=kinds) == [
        "filter[0].near: near is a whole number (got 1.5). Round it."
    ]
    assert mistakes({"near": 1, "unless": {"path": "x"}}, kinds=kinds)[0].startswith(
        "filter.unless.path: Nothing to compare the path with"
    )
    assert mistakes({"nere": 1}, kinds=kinds)[0].endswith(
        "Did you mean near? Known: all, any, bbox, near, not, path."
    )


def test_two_kinds_with_one_head_word_are_refused():
    """The error names both; guessing would be wrong half of the time."""

    class Other(Near):
        pass

    with pytest.raises(DuplicateNameError, match=r"the head word near: .*Near and .*Other\."):
        parse({"near": 1}, kinds=(Near, Other))


def test_the_schema_is_a_schema_and_describes_every_kind():
    """It is valid JSON Schema, in which each kind has its words and a description."""
    found = schema()
    jsonschema.Draft202012Validator.check_schema(found)
    tables = found["$defs"]["filter"]["anyOf"]
    heads = [table["required"] for table in tables if "required" in table]
    assert heads == [["path"], ["bbox"], ["all"], ["any"], ["not"]]
    assert all(table["description"].endswith(".") for table in tables)
    json.dumps(found)
