"""Brokers from settings, and what Django's system checks say of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from geowatch_core import ConfigurationError, Message, OptionsError
from geowatch_core.memory import _driver as memory

pytestmark = pytest.mark.usefixtures("project")

MEMORY = {"backend": "memory", "topic": "in", "until_empty": True, "codec": "json"}


@contextmanager
def settings(**given: Any) -> Iterator[None]:
    """The project with these settings beside its own."""
    from django.test import override_settings

    with override_settings(**given):
        yield


def found(**given: Any) -> list[tuple[str, str, str | None]]:
    """What the checks say: id, message and hint of each."""
    from django.core.checks import run_checks

    with settings(**given):
        return [(each.id, each.msg, each.hint) for each in run_checks(tags=["geowatch"])]


def broker(**more: Any) -> dict[str, Any]:
    """A broker without a mistake."""
    producers = [{"backend": "memory", "topic": "out", "codec": "json"}]
    return {"name": "quakes", "consumers": [MEMORY], "producers": producers, **more}


def test_a_project_without_brokers_has_no_mistake() -> None:
    """The outbox alone is a good reason to have GeoWatch installed."""
    assert found() == []
    assert found(GEOWATCH_BROKERS=[]) == []


def test_good_brokers_have_no_mistake() -> None:
    """As a list of tables, and as a whole mapping with defaults."""
    assert found(GEOWATCH_BROKERS=[broker()]) == []
    assert found(GEOWATCH_BROKERS={"brokers": [broker()], "defaults": {"count": 5}}) == []


def test_each_mistake_is_an_error_with_its_place() -> None:
    """All of them at once, each with a hint of how to mend it."""
    wrong = {**MEMORY, "topik": "quakes"}
    [first, second] = found(GEOWATCH_BROKERS=[broker(consumers=[wrong], cuont=3)])
    assert first[:2] == (
        "geowatch.E001",
        "settings.GEOWATCH_BROKERS: brokers[0].cuont: is not an option here.",
    )
    assert second == (
        "geowatch.E001",
        "settings.GEOWATCH_BROKERS: brokers[0].consumers[0].topik: is not an option here.",
        "Did you mean topic?",
    )


def test_a_setting_that_is_no_list_is_an_error() -> None:
    """It says how the setting is written."""
    [(name, what, hint)] = found(GEOWATCH_BROKERS="quakes.toml")
    assert (name, what) == ("geowatch.E001", "settings.GEOWATCH_BROKERS: is not a list.")
    assert "[[brokers]]" in str(hint)


def test_a_database_that_is_not_there_is_an_error() -> None:
    """Before the broker is run."""
    outbox = {"backend": "django-outbox", "topic": "quakes", "using": "defualt"}
    [(name, what, hint)] = found(GEOWATCH_BROKERS=[broker(consumers=[outbox])])
    place = "settings.GEOWATCH_BROKERS: brokers[0].consumers[0].using"
    assert (name, what) == ("geowatch.E002", f"{place}: 'defualt' is not in DATABASES.")
    assert hint == "Did you mean default?"


def test_a_setting_that_nothing_reads_is_a_warning() -> None:
    """A misspelt name would otherwise change nothing, in silence."""
    [(name, what, hint)] = found(GEOWATCH_BROKER=[broker()])
    assert (name, what) == ("geowatch.W001", "Nothing reads the setting GEOWATCH_BROKER.")
    assert hint == "Did you mean GEOWATCH_BROKERS?"
    [(_, _, hint)] = found(GEOWATCH_BROKERS_CRON=[])
    assert "--max-cycle 1" in str(hint)


def test_secrets_of_the_environment_are_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in an option that came from a variable does not show it."""
    monkeypatch.setenv("CANARY", "canary-5cf1e6")
    [(_, what, hint)] = found(GEOWATCH_BROKERS=[broker(count="${CANARY}")])
    assert "canary" not in f"{what} {hint}"


def test_brokers_of_the_settings_run() -> None:
    """What is in the topic goes through."""
    from geowatch_core.contrib.django.provision import provision_brokers

    memory.topic("in").put([Message(b'{"mag": 5}')], None)
    with settings(GEOWATCH_BROKERS=[broker()]):
        [one] = provision_brokers()
    assert one.run().delivered == 1
    assert memory.topic("out").ready == 1
    memory.clear()


def test_brokers_do_not_run_where_geowatch_is_switched_off() -> None:
    """GEOWATCH_ENABLED, as in 2015."""
    from geowatch_core.contrib.django.provision import provision_broker, provision_brokers

    with settings(GEOWATCH_BROKERS=[broker()], GEOWATCH_ENABLED=False):
        assert provision_brokers() == []
        with pytest.raises(ConfigurationError, match="switched off"):
            provision_broker()


def test_helpers_take_backend_and_prefix_from_the_settings_of_2015() -> None:
    """What is given in the call is nearer."""
    from geowatch_core.contrib.django.provision import provision_consumer, provision_producer

    with settings(GEOWATCH_STREAMING_BACKEND="memory", GEOWATCH_TOPIC_PREFIX="test-"):
        with provision_producer(topic="quakes", codec="json") as producer:
            producer.deliver([Message.of(1)])
        assert memory.topic("test-quakes").ready == 1
        with provision_consumer(topic="quakes", topic_prefix="", until_empty=True) as consumer:
            assert consumer.consume() == []
    memory.clear()


def test_without_a_backend_the_helpers_say_which_setting_is_missing() -> None:
    """Nothing is guessed."""
    from geowatch_core.contrib.django.provision import provision_consumer

    with pytest.raises(ConfigurationError, match="GEOWATCH_STREAMING_BACKEND"):
        provision_consumer(topic="quakes")


def test_an_option_that_no_role_has_is_still_an_error() -> None:
    """Only what came from the settings is left out where it does not apply."""
    from geowatch_core.contrib.django.provision import provision_store

    with (
        settings(GEOWATCH_TOPIC_PREFIX="test-"),
        pytest.raises(OptionsError, match="topic: is not an option here"),
    ):
        provision_store("memory", key="k", topic="quakes")


def test_settings_of_2015_fill_in_what_brokers_leave_out(tmp_path: Path) -> None:
    """The prefix goes to every backend with topics that the brokers name, and to no other."""
    from geowatch_core.contrib.django.configuration import configuration

    archive = {"backend": "file", "path": str(tmp_path / "archive.jsonl")}
    with settings(
        GEOWATCH_BROKERS={"brokers": [broker(producers=[archive])], "defaults": {"count": 5}},
        GEOWATCH_TOPIC_PREFIX="test-",
        GEOWATCH_HOST="localhost:9092",
    ):
        defaults = configuration()["defaults"]
    assert defaults == {"count": 5, "backends": {"memory": {"topic_prefix": "test-"}}}
    with settings(
        GEOWATCH_BROKERS={
            "brokers": [broker()],
            "defaults": {"backends": {"memory": {"topic_prefix": "mine-"}}},
        },
        GEOWATCH_TOPIC_PREFIX="test-",
    ):
        assert configuration()["defaults"]["backends"] == {"memory": {"topic_prefix": "mine-"}}


def test_tables_of_2015_are_read(tmp_path: Path) -> None:
    """Entries that are not enabled, several topics, options in a table, long names of codecs."""
    from geowatch_core.contrib.django.configuration import configuration

    old = {
        "enabled": True,
        "name": "Logs",
        "consumers": [
            {"enabled": False, "backend": "nobody"},
            {**MEMORY, "enabled": True, "topics": ["a", "b"], "codec": "GeoWatchCodecPlain"},
        ],
        "stores_out": [
            {
                "backend": "file",
                "key": str(tmp_path / "all.json"),
                "codec": "json",
                "options": {"which": "first"},
            }
        ],
    }
    del old["consumers"][1]["topic"]  # type: ignore[index]
    with settings(GEOWATCH_BROKERS=[old]):
        [table] = configuration()["brokers"]
    rest = {"backend": "memory", "until_empty": True, "codec": "plain"}
    assert table["consumers"] == [{**rest, "topic": "a"}, {**rest, "topic": "b"}]
    path = str(tmp_path / "all.json")
    assert table["stores_out"] == [
        {"backend": "file", "path": path, "codec": "json", "which": "first"}
    ]
    assert found(GEOWATCH_BROKERS=[old]) == []


@pytest.mark.parametrize("wrong", ["text", [1], {"consumers": 1}, {"consumers": [1]}])
def test_what_is_no_table_is_a_mistake_and_no_traceback(wrong: Any) -> None:
    """Whatever stands in the setting."""
    assert {name for name, _, _ in found(GEOWATCH_BROKERS=[wrong])} == {"geowatch.E001"}
    assert found(GEOWATCH_BROKERS={"brokers": wrong, "defaults": 1, "x": 2}) != []


def test_migrations_have_everything_that_the_models_have(project: None) -> None:
    """``makemigrations`` would make none."""
    from django.core.management import call_command

    call_command("makemigrations", "geowatch", check=True, dry_run=True, verbosity=0)
