"""Stores that break one promise each; everything else they do as the good twin does."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from geowatch_core.errors import RetryableError
from geowatch_core.message import Message
from tests.kit.twin.backend import STORE_TOO_PROUD
from tests.kit.twin.store import TwinStore

_log = logging.getLogger(__name__)


class ConfirmsFailedWrites(TwinStore):
    """Logs what goes wrong, and confirms."""

    def _write(self, messages: Sequence[Message]) -> None:
        try:
            super()._write(messages)
        except RetryableError as error:
            _log.warning("cannot write: %s", error)


class ReadsBackwards(TwinStore):
    """Gives the newest first."""

    def read(self) -> list[Message]:
        """Read, the wrong way round."""
        return super().read()[::-1]


class WritesLater(TwinStore):
    """Confirms at once, and writes when it is closed."""

    _later: Sequence[Message] = ()

    def _write(self, messages: Sequence[Message]) -> None:
        self._later = messages

    def _close(self) -> None:
        if self._later:
            super()._write(self._later)


class ClaimsToKeep(TwinStore):
    """Claims that what it stores outlives the process."""

    capabilities = STORE_TOO_PROUD
