"""A fresh memory backend for every test of the flow."""

from collections.abc import Iterator

import pytest

from geowatch_core.memory import _driver


@pytest.fixture(autouse=True)
def nothing_in_memory() -> Iterator[None]:
    """Topics and documents are shared by name within the process: start with none."""
    _driver.clear()
    yield
    _driver.clear()
