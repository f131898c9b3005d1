"""Names of 2015 warn once in a process: here, once in each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from geowatch_core.memory import _driver as memory
from geowatchutil import _deprecated


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing has been warned of, and memory is empty."""
    _deprecated.forget()
    yield
    memory.clear()
