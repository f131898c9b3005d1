import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geowatch_core.config import check_config
from geowatch_core.config.schema import config_schema
from geowatch_core.registry import REGISTRY
from tests.core.config.configs import SOURCE, TARGET, Table, simple


@pytest.fixture(scope="module")
def validator() -> Any:
    """Of the schema with the backends of core."""
    found = config_schema()
    assert not found.left_out
    jsonschema.Draft202012Validator.check_schema(found.schema)
    return jsonschema.Draft202012Validator(found.schema)


STORE = {"backend": "memory", "key": "k", "which": "last"}
FULL = simple(
    name="all",
    description="everything",
    enabled=False,
    filter=[{"bbox": [0, 0, 1, 1]}, {"not": {"path": "mag", "lt": 3}}],
    filter_metadata={"kind": ["quake", 1]},
    filter_last_one=True,
    deduplicate={"key": "id", "window": 5},
    retry={"attempts": 3, "base": 1, "cap": 2.5, "time": 60},
    count=5,
    timeout=1,
    sleep_period=0.5,
    in_flight=1,
    drain_timeout=3,
    best_effort=True,
    verbose=True,
    stores_in=[STORE],
    stores_out=[{**STORE, "codec": {"name": "json"}}],
    duplex=[{"backend": "memory", "topic": "t", "until_empty": True, "capacity": 3}],
    dead_letter={"backend": "memory", "topic": "dead"},
)
GOOD = [
    simple(),
    FULL,
    {"brokers": [FULL, simple(name="b")]},
    simple(filter=None, dead_letter=None),
    simple(deduplicate=True, filter={"any": [{"path": "a", "in": [1, "b"]}]}),
    simple(
        count="${C:-3}",
        timeout="${T:-0.5}",
        verbose="${V:-true}",
        deduplicate="${D:-false}",
        retry={"attempts": "${A:-2}"},
        consumers=[SOURCE | {"max_unsettled": "${M:-9}", "codec": "${CODEC:-json}"}],
        stores_out=[{"backend": "${B:-memory}", "key": "k", "which": "${W:-all}"}],
    ),
    {
        "defaults": {
            "count": 3,
            "dead_letter": {"backend": "memory", "topic": "d"},
            "roles": {"codec": "json", "topic": "t", "which": "first"},
            "backends": {"memory": {"capacity": 3, "which": "last"}, "file": {}},
        },
        "brokers": [
            {
                "consumers": [{"backend": "memory"}],
                "stores_out": [{"backend": "memory", "key": "k"}],
                "producers": [{"backend": "memory"}],
            }
        ],
    },
]


@pytest.mark.parametrize("config", GOOD)
def test_what_check_accepts_is_valid(validator: Any, config: Table) -> None:
    """An editor shows no error where there is none."""
    check_config(config).require_ok()
    validator.validate(config)


BAD = [
    {},
    {"brokers": []},
    {"brokers": [simple()], "count": 3},
    {"brokers": [simple(cuont=1)]},
    {"broker": [simple()]},
    simple(cuont=1),
    simple(count="many"),
    simple(count=0),
    simple(consumers=SOURCE),
    simple(consumers=[{"topic": "t"}]),
    simple(consumers=[{"backend": "nowhere", "topic": "t"}]),
    simple(consumers=[SOURCE | {"hots": 1}]),
    simple(consumers=[SOURCE | {"capacity": 1}]),
    simple(producers=[TARGET | {"max_tries": "3"}]),
    simple(producers=[TARGET | {"codec": "jsno"}]),
    simple(producers=[TARGET | {"codec": {"name": "json", "indent": 1}}]),
    simple(stores_out=[STORE | {"which": "frist"}]),
    simple(retry={"attempst": 1}),
    simple(deduplicate={"keys": 1}),
    simple(filter={"path": "mag", "gte": 4}),
    simple(dead_letter={"backend": "memory", "topic": "d", "hots": 1}),
    simple(duplex=[{"backend": "memory", "topic": "t", "hots": 1}]),
    simple(defaults={"cuont": 1}),
    simple(defaults={"name": "x"}),
    simple(defaults={"roles": {"hots": 1}}),
    simple(defaults={"backends": {"memory": {"hots": 1}}}),
    simple(defaults={"backends": {"memry": {}}}),
]


@pytest.mark.parametrize("config", [config for config in BAD if config])
def test_what_check_refuses_is_not_valid(validator: Any, config: Table) -> None:
    """Unknown keys, wrong types, unknown names."""
    assert not check_config(config).ok
    assert not validator.is_valid(config)


def tables(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every table of a configuration whose keys are known."""
    if isinstance(value, dict):
        if path[-1:] != ("filter_metadata",):
            yield path
        for key, item in value.items():
            yield from tables(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from tables(item, (*path, index))


@given(data=st.data())
def test_an_unknown_key_anywhere_is_refused_by_both(data: st.DataObject) -> None:
    """There is no table in which a misspelt key would go unnoticed."""
    config = copy.deepcopy(data.draw(st.sampled_from([FULL, GOOD[2], GOOD[6]])))
    table: Any = config
    for step in data.draw(st.sampled_from(list(tables(config)))):
        table = table[step]
    table["zzz"] = 1
    assert not check_config(config).ok
    assert not jsonschema.Draft202012Validator(config_schema().schema).is_valid(config)


@pytest.mark.usefixtures("plugins")
def test_backends_of_others_are_in_the_schema() -> None:
    """Whatever is installed: its options, its roles, and nothing that it does not play."""
    schema = config_schema().schema
    validator = jsonschema.Draft202012Validator(schema)
    cache = {"backend": "cache", "key": "k", "port": 3}
    assert validator.is_valid(simple(stores_out=[cache]))
    assert not validator.is_valid(simple(stores_out=[cache | {"prot": 3}]))
    assert not validator.is_valid(simple(consumers=[cache]))
    stores = schema["$defs"]["store"]["allOf"]
    (mine,) = [
        one["then"] for one in stores if one["if"]["properties"]["backend"]["const"] == "cache"
    ]
    assert mine["properties"]["token"]["writeOnly"] is True


def test_what_does_not_load_is_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken backend breaks only itself."""

    def backend(name: str) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(REGISTRY, "backend", backend)
    found = config_schema()
    assert set(found.left_out) == set(REGISTRY.backend_names())
    jsonschema.Draft202012Validator.check_schema(found.schema)
