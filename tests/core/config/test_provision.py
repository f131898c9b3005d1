import json
import pathlib
from types import ModuleType
from typing import Any

import pytest

from geowatch_core import (
    Broker,
    ConfigurationError,
    Deduplicate,
    Duplex,
    Message,
    OptionsError,
    Path,
    RetryableError,
    UnknownNameError,
    hookimpl,
    provision_broker,
    provision_brokers,
    provision_duplex,
    where,
)
from tests.core.config.configs import TARGET, put, simple, taken

TOML = """
[[brokers]]
name = "strong"
filter = { path = "mag", ge = 4.5 }

[[brokers.consumers]]
backend = "memory"
topic = "in"
until_empty = true
codec = "json"

[[brokers.producers]]
backend = "memory"
topic = "out"
codec = "json"
"""


def file(folder: pathlib.Path, name: str, text: str) -> pathlib.Path:
    """A file with this text."""
    path = folder / name
    path.write_text(text)
    return path


def test_a_toml_file_becomes_a_broker_that_runs(tmp_path: pathlib.Path) -> None:
    """From the file to delivered messages, with nothing else said."""
    put("in", b'{"mag":5}', b'{"mag":1}')
    report = provision_broker(file(tmp_path, "quakes.toml", TOML)).run()
    assert (report.consumed, report.delivered, report.filtered) == (2, 1, 1)
    assert taken("out") == [b'{"mag":5}']


@pytest.mark.parametrize("suffix", [".json", ".JSON"])
def test_a_json_file_becomes_the_same_broker(tmp_path: pathlib.Path, suffix: str) -> None:
    """The schema is one, whatever it is written in; the path may be text."""
    broker = simple(name="strong", filter={"path": "mag", "ge": 4.5})
    path = file(tmp_path, f"quakes{suffix}", json.dumps({"brokers": [broker]}))
    put("in", b'{"mag":5}', b'{"mag":1}')
    assert provision_broker(str(path)).run().delivered == 1


def test_a_byte_order_mark_at_the_start_is_no_mistake(tmp_path: pathlib.Path) -> None:
    """Some editors write one, and nobody sees it."""
    path = tmp_path / "quakes.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TOML.encode())
    with provision_broker(path) as broker:
        assert broker.name == "strong"


def test_one_broker_may_stand_at_the_top_level() -> None:
    """Without a list of brokers, the configuration is one."""
    put("in", b"1")
    assert provision_broker(simple(name="alone")).run().delivered == 1


def test_the_mapping_that_was_given_stays_as_it_was() -> None:
    """Neither defaults nor variables are written into it."""
    config = simple(defaults={"count": 3}, description="${HOME:-x}")
    before = json.dumps(config)
    provision_broker(config).close()
    assert json.dumps(config) == before


def test_every_key_reaches_the_broker(tmp_path: pathlib.Path) -> None:
    """What the file says is what the broker does."""
    seen: dict[str, Any] = {}

    def factory(name: str, **given: Any) -> Broker:
        seen.update(given, name=name)
        return Broker(name, **given)

    words = {
        "description": "what for",
        "filter_metadata": {"kind": ["quake"]},
        "filter_last_one": True,
        "count": 7,
        "timeout": 0.5,
        "sleep_period": 0.25,
        "in_flight": 2,
        "drain_timeout": 3.0,
        "best_effort": True,
        "verbose": True,
    }
    config = simple(
        name="all",
        filter=[{"path": "mag", "ge": 4.5}, {"path": "id", "exists": True}],
        deduplicate={"key": "id", "window": 9},
        retry={"attempts": 2, "base": 0.5},
        stores_in=[{"backend": "memory", "key": "old"}],
        stores_out=[{"backend": "memory", "key": "new", "name": "kept"}],
        duplex=[{"backend": "memory", "topic": "chat"}],
        dead_letter={"backend": "memory", "topic": "dead"},
        **words,
    )
    provision_broker(config, factory=factory).close()
    assert {word: seen[word] for word in words} == words
    assert seen["name"] == "all"
    assert seen["filter"] == (where("mag") >= 4.5) & where("id").exists()
    assert seen["deduplicate"] == Deduplicate(key=Path.parse("id"), window=9)
    assert (seen["retry"].attempts, seen["retry"].base, seen["retry"].cap) == (2, 0.5, 5.0)
    names = {
        kind: [role.name for role in seen[kind]]
        for kind in ("consumers", "producers", "stores_in", "stores_out")
    }
    assert names == {
        "consumers": ["memory:in"],
        "producers": ["memory:out"],
        "stores_in": ["memory:old"],
        "stores_out": ["kept"],
    }
    assert isinstance(seen["duplex"][0], Duplex)
    assert seen["dead_letter"].name == "memory:dead"


@pytest.mark.parametrize(("given", "delivered"), [(True, 1), (False, 2), ({"key": "id"}, 1)])
def test_deduplicate_is_a_switch_or_a_table(given: Any, delivered: int) -> None:
    """True means by the bytes; a table says by what, and for how many."""
    put("in", b'{"id":1}', b'{"id":1}')
    assert provision_broker(simple(deduplicate=given)).run().delivered == delivered


def test_what_cannot_be_delivered_goes_to_the_dead_letter() -> None:
    """A producer where the backend has one."""
    put("in", b"{", b"1")
    config = simple(dead_letter={"backend": "memory", "topic": "dead"})
    assert provision_broker(config).run().dead_lettered == 1
    assert json.loads(taken("dead")[0])["error"] == "DecodeError"


@pytest.mark.usefixtures("plugins")
def test_a_backend_without_producer_takes_dead_letters_in_its_store() -> None:
    """There is no other role it could play."""
    with provision_broker(
        simple(dead_letter={"backend": "cache", "key": "k"}, best_effort=True)
    ) as broker:
        assert broker.dead_letter is not None
        assert broker.dead_letter.name == "cache"


# --- defaults -----------------------------------------------------------------------------------


def test_brokers_share_defaults_that_their_own_values_override() -> None:
    """Each key for itself, and as a whole: tables are not merged."""
    config = {
        "defaults": {"count": 7, "timeout": 9, "retry": {"attempts": 3, "base": 0.5}},
        "brokers": [simple(name="a"), simple(name="b", count=1, retry={"cap": 1})],
    }
    retries: dict[str, Any] = {}

    def factory(name: str, **given: Any) -> Broker:
        retries[name] = given["retry"]
        return Broker(name, **given)

    first, second = provision_brokers(config, factory=factory)
    with first, second:
        assert (first.count, first.timeout, second.count, second.timeout) == (7, 9, 1, 9)
        assert (retries["a"].attempts, retries["a"].base) == (3, 0.5)
        assert (retries["b"].attempts, retries["b"].base, retries["b"].cap) == (50, 0.1, 1)


def test_roles_share_defaults_and_the_nearest_wins() -> None:
    """The entry's own, then its backend's, then that for all roles."""
    config = simple(
        consumers=[
            {"backend": "memory", "topic": "a", "until_empty": True, "codec": "plain"},
            {"backend": "memory", "topic": "b", "until_empty": True, "topic_prefix": "own-"},
        ],
        defaults={
            "roles": {"codec": "json", "topic_prefix": "all-", "capacity": 1},
            "backends": {"memory": {"topic_prefix": "memory-"}},
        },
    )
    config["producers"][0].pop("codec")
    with provision_broker(config) as broker:
        consumers = [source.consumer for source in broker.sources]
        assert [one.name for one in consumers] == ["memory:memory-a", "memory:own-b"]
        assert [one.codec.name for one in consumers] == ["plain", "json"]
        assert broker.destinations[0].name == "memory:memory-out"


def test_a_default_may_give_what_an_entry_needs() -> None:
    """A required option is not missing where the defaults have it."""
    config = simple(producers=[{"backend": "memory"}], defaults={"roles": {"topic": "shared"}})
    with provision_broker(config) as broker:
        assert broker.sources[0].name == "memory:in"
        assert broker.destinations[0].name == "memory:shared"


# --- which brokers ------------------------------------------------------------------------------


def three(**keys: Any) -> dict[str, Any]:
    """Three brokers, the last of which is not enabled."""
    names = ("a", "b", "c")
    return {"brokers": [simple(name=name, enabled=name != "c") for name in names], **keys}


def test_brokers_that_are_not_enabled_are_left_out() -> None:
    """The others come in the order of the file."""
    brokers = provision_brokers(three())
    for broker in brokers:
        broker.close()
    assert [broker.name for broker in brokers] == ["a", "b"]


def test_a_broker_is_found_by_its_name() -> None:
    """And no other is opened."""
    with provision_broker(three(), "b") as broker:
        assert broker.name == "b"


def test_the_only_enabled_broker_needs_no_name() -> None:
    """Nobody could mean another."""
    config = {"brokers": [simple(name="a", enabled=False), simple(name="b")]}
    with provision_broker(config) as broker:
        assert broker.name == "b"


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        (None, ConfigurationError, r"2 enabled brokers \(got \['a', 'b'\]\). Name the one"),
        ("d", UnknownNameError, r"no such broker \(got 'd'\). Known are: a, b, c."),
        ("c", ConfigurationError, r"not enabled \(got 'c'\). Write enabled = true"),
    ],
)
def test_a_broker_that_cannot_be_told_is_refused(
    name: str | None, error: type[Exception], text: str
) -> None:
    """The error says which there are."""
    with pytest.raises(error, match=text):
        provision_broker(three(), name)


def test_brokers_without_a_name_are_numbered() -> None:
    """Every broker can be told from the others."""
    brokers = provision_brokers({"brokers": [simple(), simple(name="named"), simple()]})
    for broker in brokers:
        broker.close()
    assert [broker.name for broker in brokers] == ["broker-1", "named", "broker-3"]


# --- opening ------------------------------------------------------------------------------------


def fickle_entry(topic: str) -> dict[str, Any]:
    """An entry that notes when it is opened."""
    return {"backend": "fickle", "topic": topic, "name": topic, "max_tries": 1}


def test_a_channel_that_does_not_open_closes_those_before_it(fickle: ModuleType) -> None:
    """Of its own broker and of the brokers before; the error is the service's."""
    good = simple(name="good", producers=[fickle_entry("one")])
    bad = simple(name="bad", producers=[fickle_entry("two"), fickle_entry("down")])
    with pytest.raises(RetryableError, match="does not answer"):
        provision_brokers({"brokers": [good, bad]})
    assert fickle.EVENTS == ["open one", "open two", "close two", "close one"]


def test_what_a_broker_refuses_closes_its_channels(fickle: ModuleType) -> None:
    """Nothing stays open behind an error."""

    def factory(name: str, **given: Any) -> Broker:
        raise KeyError(name)

    with pytest.raises(KeyError):
        provision_broker(simple(producers=[fickle_entry("one")]), factory=factory)
    assert fickle.EVENTS == ["open one", "close one"]


def test_nothing_is_opened_where_something_is_wrong(fickle: ModuleType) -> None:
    """Not even a broker that is right by itself; the error lists every mistake."""
    config = {"brokers": [simple(producers=[fickle_entry("one")]), simple(cuont=1)]}
    with pytest.raises(OptionsError, match=r"brokers\[1\].cuont.*Did you mean count\?") as raised:
        provision_brokers(config)
    assert [mistake.place for mistake in raised.value.mistakes] == ["brokers[1].cuont"]
    assert fickle.EVENTS == []


def test_the_halves_of_a_duplex_node_get_the_options_they_have(fickle: ModuleType) -> None:
    """An option of one half is no mistake for the other."""
    node = fickle_entry("chat") | {"only_in": 1, "only_out": 2}
    with provision_broker(simple(duplex=[node])) as broker:
        consumer: Any = broker.sources[1].consumer
        producer: Any = broker.destinations[1].sink
        assert (consumer.options.only_in, producer.options.only_out) == (1, 2)
    options = {key: value for key, value in node.items() if key != "backend"}
    made = provision_duplex("fickle", **options)
    made.consumer.close()
    made.producer.close()


def test_a_subclass_may_do_without_source_or_destination() -> None:
    """Its own code may be either."""

    class Mine(Broker):
        def process(self, messages: list[Message]) -> list[Message]:
            return [Message.of(1)]

    config = {"producers": [TARGET], "timeout": 0}
    with pytest.raises(OptionsError, match="no source"):
        provision_broker(config)
    broker = provision_broker(config, factory=Mine)
    assert isinstance(broker, Mine)
    assert broker.run(max_cycle=1).created == 1


def test_observers_are_handed_to_every_broker() -> None:
    """The same objects observe all of them."""

    class Started:
        names: list[str] = []  # noqa: RUF012 - one list for one test

        @hookimpl
        def geowatch_started(self, broker: Broker) -> None:
            self.names.append(broker.name)

    observer = Started()
    config = {"brokers": [simple(name="a"), simple(name="b")]}
    for broker in provision_brokers(config, plugins=[observer]):
        broker.run()
    assert observer.names == ["a", "b"]


def test_a_constructor_that_refuses_is_a_mistake_at_its_entry(fickle: ModuleType) -> None:
    """Making a role needs no service, so it is found before anything is opened."""
    with pytest.raises(OptionsError, match=r"producers\[0\]: This topic cannot be"):
        provision_broker(simple(producers=[fickle_entry("impossible")]))
