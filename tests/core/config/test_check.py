import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from geowatch_core import Mistake, OptionsError, provision_brokers
from geowatch_core.config import check_config
from geowatch_core.guarantee import Delivery
from tests.core.config.configs import SOURCE, TARGET, Table, simple

UNSET = "GEOWATCH_TEST_UNSET"


def said(config: Any) -> list[str]:
    """Every mistake, as text."""
    return [str(mistake) for mistake in check_config(config).mistakes]


def entry(**keys: Any) -> Table:
    """A producer with these keys as well."""
    return {"producers": [TARGET | keys]}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        # keys of a broker
        ({"cuont": 1}, "cuont: is not an option here. Did you mean count?"),
        ({"count": "many"}, "count: Expected `int`, got `str`. Most messages of a batch."),
        ({"count": 0}, "count: must be at least 1"),
        ({"timeout": float("nan")}, "timeout: must be at least 0, and finite"),
        ({"name": " "}, "name: is empty"),
        ({"enabled": "yes"}, "enabled: Expected `bool`, got `str`"),
        ({"deduplicate": "yes"}, "deduplicate: Expected `bool | object`, got `str`"),
        ({"deduplicate": {"window": 0}}, "deduplicate.window: must be at least 1"),
        ({"deduplicate": {"key": "a..b"}}, "deduplicate.key: A path has an empty step"),
        ({"retry": {"attempst": 1}}, "retry.attempst: is not an option here. Did you mean attem"),
        ({"retry": 3}, "retry: Expected `object`, got `int`"),
        ({"filter_metadata": {"a": 1}}, "filter_metadata: Expected `array`, got `int`"),
        # filters
        ({"filter": {"path": "mag", "gte": 4}}, "filter.gte: A filter by path has no such word"),
        ({"filter": []}, "filter: Expected a list of filters"),
        ({"filter": [{"bbox": [1, 2]}]}, "filter[0].bbox: A bbox is a list of 4 or 6 numbers"),
        # entries
        ({"consumers": SOURCE}, "consumers: Expected a list, got a table. Write it like consumers"),
        ({"consumers": ["memory"]}, "consumers[0]: Expected a table, got a text."),
        ({"consumers": [{"topic": "t"}]}, "consumers[0].backend: is required. Installed are: "),
        (
            {"consumers": [{"backedn": "memory"}]},
            "consumers[0].backend: is required. Did you mean it by backedn?",
        ),
        ({"consumers": [{"backend": 3}]}, "consumers[0].backend: is not the name of a backend"),
        (
            {"consumers": [{"backend": "memroy"}]},
            "consumers[0].backend: No backend of this name is installed (got 'memroy'). Did you",
        ),
        (
            {"consumers": [{"backend": "carrier-pigeon"}]},
            "pip install geowatch-carrier-pigeon",
        ),
        (entry(hots="h"), "producers[0].hots: is not an option here. Known are: "),
        (entry(topci="h"), "producers[0].topci: is not an option here. Did you mean topic?"),
        (entry(capacity="1"), "producers[0].capacity: Expected `int | null`, got `str`"),
        ({"producers": [{"backend": "memory"}]}, "producers[0].topic: is required. The topic"),
        (
            entry(codec="jsno"),
            "producers[0].codec: No codec of this name is installed (got 'jsno'). Did you mean js",
        ),
        (entry(codec={"name": "json", "indent": 1}), "producers[0].codec.indent: is not an option"),
        (entry(codec=3), "producers[0].codec: is not a codec"),
        ({"dead_letter": {"backend": "memory"}}, "dead_letter.topic: is required"),
        ({"dead_letter": "memory"}, "dead_letter: Expected a table, got a text"),
        ({"duplex": [{"backend": "memory"}]}, "duplex[0].topic: is required"),
        (
            {"stores_out": [{"backend": "memory", "key": "k", "which": "frist"}]},
            "stores_out[0].which: Expected one of all, first, last, index, got 'frist'. Did you "
            "mean first?",
        ),
        # ends
        ({"consumers": []}, "the broker has no source. Add consumers"),
        ({"producers": []}, "the broker has no destination. Add producers"),
        (
            {"consumers": [], "producers": [], "duplex": [SOURCE]},
            "the broker has no destination. Add producers or stores_out; a duplex node never",
        ),
        # defaults
        ({"defaults": 3}, "defaults: Expected a table, got a number"),
        ({"defaults": {"cuont": 1}}, "defaults.cuont: is not a key that brokers share. Did you"),
        ({"defaults": {"name": "x"}}, "defaults.name: is not a key that brokers share."),
        ({"defaults": {"count": 0}}, "defaults.count: must be at least 1"),
        ({"defaults": {"retry": {"time": -1}}}, "defaults.retry.time: must be at least 0"),
        ({"defaults": {"dead_letter": {}}}, "defaults.dead_letter.backend: is required"),
        ({"defaults": {"filter": {"bbox": 1}}}, "defaults.filter.bbox: A bbox is a list"),
        ({"defaults": {"roles": []}}, "defaults.roles: Expected a table, got a list"),
        (
            {"defaults": {"roles": {"hots": 1}}},
            "defaults.roles.hots: is an option of no role in this configuration",
        ),
        ({"defaults": {"roles": {"max_tries": 0}}}, "defaults.roles.max_tries: must be at least 1"),
        (
            {"defaults": {"backends": {"memory": {"topic_prefix": 1}}}},
            "defaults.backends.memory.topic_prefix: Expected `str`, got `int`",
        ),
        (
            {"defaults": {"backends": {"memory": {"which": "x"}}}},
            "defaults.backends.memory.which: Expected one of",
        ),
        (
            {"defaults": {"backends": {"memory": {"hots": 1}}}},
            "defaults.backends.memory.hots: is an option of no role of memory",
        ),
        (
            {"defaults": {"backends": {"memry": {}}}},
            "defaults.backends.memry: No backend of this name is installed",
        ),
        # environment
        (
            {"description": f"${{{UNSET}}}"},
            f"description: the environment variable {UNSET} is not set. Set it, or write "
            f"${{{UNSET}:-text}} to go on without it.",
        ),
        ({"count": f"${{{UNSET}}}"}, f"count: the environment variable {UNSET} is not set"),
        ({"description": "a ${"}, "description: ${ is not a variable. Write ${NAME}"),
        ({"description": "${a-b}"}, "description: ${a-b} is not a variable."),
    ],
)
def test_one_mistake_is_found_at_its_place(keys: Table, text: str) -> None:
    """It is the only one, it says where, and how to mend it."""
    found = said(simple(**keys))
    assert len(found) == 1, found
    assert text in found[0]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "brokers: is required. Write [[brokers]] in TOML"),
        ({"brokers": []}, "brokers: is empty. Write [[brokers]]"),
        ({"brokers": {}}, "brokers: Expected a list, got a table."),
        ({"brokers": ["x"]}, "brokers[0]: Expected a table, got a text."),
        ({"broker": []}, "broker: is not a key here. Did you mean brokers?"),
        (
            {"brokers": [simple()], "count": 3},
            "count: is not a key beside brokers; what they share",
        ),
        (
            {"brokers": [simple(name="a"), simple(name="a")]},
            "brokers[1].name: is the name of brokers[0], too.",
        ),
        ({"brokers": [simple(), simple(enabled=False, count=0)]}, "brokers[1].count: must be"),
    ],
)
def test_mistakes_at_the_top_are_found(config: Table, text: str) -> None:
    """Whatever is wrong with the list of brokers itself."""
    assert text in "\n".join(said(config))


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"consumers": [{"backend": "cache"}]}, "plays no such role (got 'consumer'). It can be"),
        (
            {"stores_in": [{"backend": "cache", "key": "k"}]},
            "stores_in[0].backend: a store of cache cannot read back what it wrote",
        ),
        (
            {"producers": [], "stores_out": [{"backend": "cache", "key": "k"}]},
            "best_effort: Every destination of broker-1 may forget what it confirmed",
        ),
        (
            {"dead_letter": {"backend": "cache", "key": "k"}},
            "best_effort: Every destination of the dead letter of broker-1 may forget",
        ),
        (
            {"producers": [{"backend": "driverless"}]},
            "producers[0].backend: The producer of driverless failed to import: ModuleNotFound",
        ),
        (
            {"producers": [{"backend": "fickle", "topic": "impossible"}]},
            "producers[0]: This topic cannot be (got 'impossible'). Take another.",
        ),
        (
            {"duplex": [{"backend": "fickle", "topic": "t", "only_inn": 1}]},
            "duplex[0].only_inn: is not an option here. Did you mean only_in?",
        ),
    ],
)
def test_what_a_backend_cannot_do_is_found(keys: Table, text: str) -> None:
    """From what it registered, and from making its roles."""
    found = said(simple(**keys))
    assert len(found) == 1, found
    assert text in found[0]


@pytest.mark.parametrize("sink", ["producers", "stores_out", "dead_letter"])
def test_a_file_that_a_broker_would_feed_itself_is_found(tmp_path: Path, sink: str) -> None:
    """By whichever name or link: it would consume what it delivers, or write over its source."""
    (tmp_path / "link").symlink_to(tmp_path)
    source = {"backend": "file", "path": str(tmp_path / "quakes.jsonl"), "codec": "json"}
    for path in (tmp_path / "quakes.jsonl", tmp_path / "link/quakes.jsonl"):
        target = {"backend": "file", "path": str(path), "append": True, "codec": "json"}
        if sink == "producers":
            del target["append"]
        keys: Table = {sink: target if sink == "dead_letter" else [target]}
        if sink == "dead_letter":
            del target["append"]
        (found,) = said(simple(consumers=[source], **keys))
        assert f"delivers to file:{path} what it consumes from there" in found
    other = {"backend": "file", "path": str(tmp_path / "strong.jsonl"), "codec": "json"}
    assert said(simple(consumers=[source], producers=[other])) == []


@pytest.mark.usefixtures("plugins")
def test_loss_is_accepted_by_best_effort() -> None:
    """The same configuration, with the words that accept it, has no mistake."""
    cache = {"backend": "cache", "key": "k"}
    config = simple(producers=[], stores_out=[cache], dead_letter=cache, best_effort=True)
    checked = check_config(config)
    assert checked.ok
    assert checked.routes[0].guarantee.delivery is Delivery.BEST_EFFORT


def test_every_mistake_is_found_at_once() -> None:
    """In all brokers, in entries of unknown backends too, and in the defaults."""
    config = {
        "defaults": {"roles": {"timeout": "long"}},
        "brokers": [
            {"consumers": [{"backend": "kafak", "codec": "jsno"}], "producers": [TARGET]},
            simple(cuont=1, retry={"attempts": 0}),
        ],
    }
    assert [mistake.place for mistake in check_config(config).mistakes] == [
        "brokers[0].consumers[0].backend",
        "brokers[0].consumers[0].codec",
        "defaults.roles.timeout",
        "brokers[1].cuont",
        "brokers[1].retry.attempts",
    ]


def test_the_error_of_provisioning_carries_the_same_mistakes() -> None:
    """``check`` and provisioning read with the same eyes."""
    config = simple(cuont=1, name="")
    with pytest.raises(OptionsError, match="This configuration cannot be used") as raised:
        provision_brokers(config)
    assert raised.value.mistakes == check_config(config).mistakes
    with pytest.raises(OptionsError) as again:
        check_config(config).require_ok()
    assert again.value.mistakes == raised.value.mistakes


def test_a_check_connects_to_nothing(fickle: ModuleType) -> None:
    """A service that is down is no mistake in a configuration."""
    checked = check_config(simple(producers=[{"backend": "fickle", "topic": "down"}]))
    checked.require_ok()
    assert fickle.EVENTS == []


def test_a_route_says_what_goes_where_and_how_surely() -> None:
    """One for each source; a duplex node does not hear itself; names are those of reports."""
    config = simple(
        name="chat",
        enabled=False,
        duplex=[{"backend": "memory", "topic": "room"}],
        stores_in=[{"backend": "memory", "key": "old"}],
        stores_out=[{"backend": "memory", "key": "old"}, {"backend": "memory", "key": "old"}],
        dead_letter={"backend": "memory", "topic": "dead"},
    )
    routes = check_config(config).routes
    stores = ("memory:old", "memory:old#2")
    assert [(route.source, route.destinations) for route in routes] == [
        ("memory:in", ("memory:out", "memory:room", *stores)),
        ("memory:room", ("memory:out", *stores)),
        ("memory:old", ("memory:out", "memory:room", *stores)),
    ]
    assert {(route.broker, route.enabled, route.dead_letter) for route in routes} == {
        ("chat", False, "memory:dead")
    }
    assert [route.guarantee.delivery for route in routes] == [
        Delivery.WHILE_RUNNING,
        Delivery.WHILE_RUNNING,
        Delivery.WHILE_RUNNING,
    ]


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "place", "what"),
    [
        ("a.toml", b'count = 1\nname = "x\n', "line 2, column 10", "Illegal character"),
        ("a.toml", b"count = [1,\n2", "line 2, column 2", "Unclosed array"),
        ("a.toml", b"a = 1\na = 2\n", "line 2, column 6", "Cannot overwrite a value"),
        ("a.toml", b"a = 1\nb = \xff\n", "line 2", "is not UTF-8"),
        ("a.json", b'{\n "a" 1}', "line 2, column 6", "Expecting ':' delimiter"),
        ("a.json", b'{"a":', "line 1, column 6", "Expecting value"),
        ("a.json", b"", "line 1, column 1", "Expecting value"),
        ("a.json", b"[1]", "a.json", "is not an object at its top level"),
        ("a.json", b"[" * 100_000, "a.json", "is nested too deeply"),
        ("a.json", b'{"a":' + b"1" * 5_000 + b"}", "a.json", "Exceeds the limit"),
        ("a.yaml", b"", "a.yaml", "is in no format that can be told from its name"),
        ("a.toml", b"", "brokers", "is required"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(
    tmp_path: Path, name: str, content: bytes, place: str, what: str
) -> None:
    """With line and column, where the format tells."""
    path = tmp_path / name
    path.write_bytes(content)
    (mistake,) = check_config(path).mistakes
    assert mistake.place.endswith(place)
    assert what in mistake.what
    assert mistake.fix


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    """Each by its own reason."""
    assert "No such file or directory" in said(tmp_path / "none.toml")[0]
    assert "is a folder" in said(tmp_path)[0]
    assert said("bad\0.toml")


def test_the_error_names_the_file(tmp_path: Path) -> None:
    """Somebody may have several."""
    path = tmp_path / "quakes.json"
    path.write_text(json.dumps(simple(cuont=1)))
    with pytest.raises(OptionsError, match=re.escape(f"{path} cannot be used")):
        provision_brokers(path)


# --- environment --------------------------------------------------------------------------------

SECRET = "s3cr3t-hunter2-0123456789"


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("text", [SECRET, SECRET * 20, f"{SECRET}\n\x1b[31m", "ü" + SECRET])
@pytest.mark.parametrize(
    "keys",
    [
        {"count": "${TOKEN}"},
        {"enabled": "${TOKEN}"},
        {"retry": "${TOKEN}"},
        {"deduplicate": {"key": "${TOKEN}..a"}},
        {"filter": {"path": "${TOKEN}..a", "ge": 1}},
        {"filter": {"bbox": ["${TOKEN}", 1, 2, 3]}},
        {"filter": "${TOKEN}"},
        {"filter": ["x ${TOKEN} y"]},
        entry(codec="${TOKEN}"),
        entry(codec={"name": "${TOKEN}"}),
        entry(capacity="${TOKEN}"),
        {"producers": [{"backend": "${TOKEN}", "topic": "t"}]},
        {"producers": "${TOKEN}"},
        {"producers": ["${TOKEN}"]},
        {"stores_out": [{"backend": "memory", "key": "k", "which": "${TOKEN}"}]},
        {"stores_out": [{"backend": "cache", "key": "k", "token": "${TOKEN}", "port": "${TOKEN}"}]},
        {"defaults": {"roles": {"max_tries": "${TOKEN}"}}},
        {"defaults": {"backends": {"memory": {"which": "${TOKEN}"}}}},
        {"filter_metadata": {"a": "${TOKEN}"}},
    ],
)
def test_what_came_from_the_environment_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, keys: Table, text: str
) -> None:
    """Whatever is wrong with it, and however long it is or would be escaped."""
    monkeypatch.setenv("TOKEN", text)
    found = "\n".join(said(simple(**keys)))
    assert found
    for start in range(len(SECRET) - 6):
        assert SECRET[start : start + 6] not in found


def test_a_mistake_in_a_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is where to look."""
    monkeypatch.setenv("CODEC", "jsno")
    assert said(simple(**entry(codec="${CODEC}"))) == [
        "producers[0].codec: what ${CODEC} holds cannot be used here. What it is, is not shown, as "
        "it may be a secret: look at the variable."
    ]


def test_a_missing_variable_is_missing_wherever_it_stands() -> None:
    """Each place is a mistake, in brokers that are not enabled too, and the only one there."""
    missing = f"${{{UNSET}}}"
    config = {
        "defaults": {"roles": {"topic": missing}},
        "brokers": [
            simple(count=missing),
            simple(enabled=False, filter={"path": missing, "ge": 1}),
        ],
    }
    places = [mistake.place for mistake in check_config(config).mistakes]
    assert places == ["defaults.roles.topic", "brokers[0].count", "brokers[1].filter.path"]


def test_a_mistake_reads_as_one_line() -> None:
    """Place, what, and how to mend it."""
    assert str(Mistake("a[0].b", "is wrong", "Mend it.")) == "a[0].b: is wrong. Mend it."
