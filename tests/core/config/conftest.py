"""What the tests of configurations share."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from geowatch_core.memory import _driver
from geowatch_core.registry import REGISTRY
from tests.core.config.plugins import CACHE, DRIVERLESS, FICKLE, install


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    """No test sees the topics of another."""
    _driver.clear()
    yield
    _driver.clear()


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The backends cache, fickle and driverless are installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder, cache=CACHE, fickle=FICKLE, driverless=DRIVERLESS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(REGISTRY, "_entries", None)
    monkeypatch.setattr(REGISTRY, "_backends", {})
    yield
    for name in ("geowatch_cache", "geowatch_fickle", "geowatch_driverless"):
        sys.modules.pop(name, None)


@pytest.fixture
def fickle(plugins: None) -> ModuleType:
    """The module of the backend fickle, whose EVENTS say what was opened and closed."""
    import importlib

    return importlib.import_module("geowatch_fickle")
