"""The names of 2015 are there, with their signatures, and say what to write today."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import geowatch_core
from geowatch_core import UnknownNameError
from geowatch_core.registry import BACKENDS, REGISTRY
from geowatchutil.broker.base import GeoWatchBroker
from geowatchutil.runtime import (
    provision_broker,
    provision_brokers,
    provision_consumer,
    provision_consumer_file,
    provision_consumer_kafka,
    provision_duplex,
    provision_node,
    provision_producer,
    provision_store,
)
from geowatchutil.store.geowatch_store_file import GeoWatchStoreFile
from tests.seed.page import blocks, parameters, signature

pytestmark = pytest.mark.filterwarnings("ignore:geowatchutil:DeprecationWarning")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_signatures_and_defaults_are_those_of_the_page(number: int) -> None:
    """Read off the page itself."""
    name, expected = signature(blocks()[number])
    runtime = importlib.import_module("geowatchutil.runtime")
    assert parameters(getattr(runtime, name)) == expected


USES = {
    "runtime.provision_consumer": lambda folder: provision_consumer("memory", topic="t")[1].close(),
    "runtime.provision_consumer_file": lambda folder: (
        (folder / "in.txt").touch(),
        provision_consumer_file(str(folder / "in.txt"))[1].close(),
    ),
    "runtime.provision_producer": lambda folder: provision_producer("memory", topic="t")[1].close(),
    "runtime.provision_duplex": lambda folder: provision_duplex("memory", topic="t")[1].close(),
    "runtime.provision_node": lambda folder: provision_node("memory", "producer", topic="t")[
        1
    ].close(),
    "runtime.provision_store": lambda folder: provision_store("memory", "key", "json").close(),
    "runtime.provision_brokers": lambda folder: provision_brokers([]),
    "store.geowatch_store_file.GeoWatchStoreFile": lambda folder: GeoWatchStoreFile(
        str(folder / "s.json"), "json"
    ).close(),
    "store.factory.build_store": lambda folder: (
        factory("store").build_store("memory", "key", "json").close()
    ),
    "store.factory.provision_store": lambda folder: (
        factory("store").provision_store("memory", "key", "json").close()
    ),
    "consumer.factory.build_consumer": lambda folder: (
        factory("consumer").build_consumer("memory", "t")[1].close()
    ),
    "producer.factory.build_producer": lambda folder: (
        factory("producer").build_producer("memory", "t")[1].close()
    ),
    "codec.factory.build_codec": lambda folder: factory("codec").build_codec("GeoWatchCodecList"),
    "runtime.provision_broker": lambda folder: provision_broker({}).close(),
    "broker.factory.build_broker": lambda folder: (
        factory("broker").build_broker("name", "description").close()
    ),
    "broker.base.GeoWatchBroker": lambda folder: GeoWatchBroker(),
    "base.GeoWatchError": lambda folder: importlib.import_module("geowatchutil.base").GeoWatchError,
}
"""One use of each name that needs no service."""


def factory(kind: str) -> Any:
    """One of the factory modules."""
    return importlib.import_module(f"geowatchutil.{kind}.factory")


@pytest.mark.parametrize("name", USES)
def test_each_name_warns_once_where_it_is_used(name: str, tmp_path: Path) -> None:
    """And says what to write today; a second use is silent."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        USES[name](tmp_path)
        USES[name](tmp_path)
    texts = [str(each.message) for each in caught]
    assert all(each.category is DeprecationWarning for each in caught)
    assert len(texts) == 1
    (mine,) = [each for each in caught if f"geowatchutil.{name} is a name of 2015" in str(each)]
    assert "write " in str(mine.message)
    if name != "base.GeoWatchError":  # found by Python's own machinery, on the way to this file
        assert mine.filename == __file__


def test_importing_geowatchutil_imports_no_driver_and_warns_of_nothing() -> None:
    """With warnings as errors."""
    program = (
        "import geowatchutil.runtime, geowatchutil.broker.base, geowatchutil.store.factory\n"
        "import geowatchutil.store.geowatch_store_s3, geowatchutil.store.geowatch_store_memcached\n"
        "import sys; print([m for m in sys.modules if m in "
        "('boto3', 'confluent_kafka', 'pymemcache', 'slack_sdk', 'django')])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_an_unknown_old_name_is_still_an_error() -> None:
    """``base`` gives nothing but what it names."""
    with pytest.raises(AttributeError, match="no attribute 'GeoWatchModeError'"):
        importlib.import_module("geowatchutil.base").GeoWatchModeError  # noqa: B018 - it is looked up


def test_an_error_of_2015_catches_errors_of_today() -> None:
    """It is the base of all of them."""
    found = importlib.import_module("geowatchutil.base").GeoWatchError
    assert found is geowatch_core.GeoWatchError


@pytest.mark.parametrize(
    ("backend", "role", "arguments"),
    [
        ("kafka", "consumer", lambda: provision_consumer_kafka(topic="t", host="localhost")),
        ("kinesis", "producer", lambda: provision_producer("kinesis", topic="t")),
        ("sqs", "producer", lambda: provision_producer("sqs", topic="t")),
        ("sns", "producer", lambda: provision_producer("sns", topic="t")),
        ("slack", "producer", lambda: provision_producer("slack", topic="t")),
        ("s3", "store", lambda: provision_store("s3", "key", "json")),
        ("memcached", "store", lambda: provision_store("memcached", "key", "json")),
    ],
)
def test_a_backend_that_is_missing_says_which_extra_to_install(
    backend: str, role: str, arguments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name that pip takes."""
    REGISTRY.backend_names()
    assert REGISTRY._entries is not None
    known = {k: v for k, v in REGISTRY._entries[BACKENDS].items() if k in ("file", "memory")}
    monkeypatch.setitem(REGISTRY._entries, BACKENDS, known)
    monkeypatch.delitem(REGISTRY._backends, backend, raising=False)
    with pytest.raises(UnknownNameError, match=rf'pip install "geowatch-core\[{backend}\]"'):
        arguments()
