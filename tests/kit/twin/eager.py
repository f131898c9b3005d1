"""Registers a backend as it must not be done: the client is imported with it."""

from tests.kit.table import SABOTAGES
from tests.kit.twin import _driver  # the sabotage
from tests.kit.twin.backend import made

DRIVER = _driver.__name__
plugin = made(SABOTAGES["ImportsItsDriver"].backend)
