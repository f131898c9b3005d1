"""Nothing that one test leaves to the next."""

from collections.abc import Iterator

import pytest

from geowatch_core.memory import _driver
from tests.core.memory.topic import Clock


@pytest.fixture(autouse=True)
def nothing_shared() -> Iterator[None]:
    """Topics and documents are the process's; a test leaves none to the next."""
    _driver.clear()
    yield
    _driver.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every topic made after it."""
    made = Clock()
    real = _driver.Topic
    monkeypatch.setattr(_driver, "Topic", lambda: real(made))
    return made
