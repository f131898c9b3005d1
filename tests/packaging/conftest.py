"""What is built once for all tests of packaging."""

import pytest

from tests.packaging.environment import Shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The distributions of this repository, built, and wheels of all that they need."""
    return Shelf.inside(tmp_path_factory.getbasetemp())
