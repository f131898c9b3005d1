"""Shows the others that whoever reserved something still lives."""

from __future__ import annotations

import logging
import math
import re
import threading
import uuid

from geowatch_core.errors import GeoWatchError
from geowatch_memcached._driver import Cluster

_TOKEN = re.compile(rb"[0-9a-f]{32}")
_log = logging.getLogger(__name__)


class Owner:
    """One window, for as long as it is open: a key that its thread keeps from expiring.

    One key stands for all that is reserved. When its process dies the key expires, and with it
    every reservation.

    Args:
        cluster: where it shows itself.
        place: what the windows that share have in common; begins its key.
        lease: seconds that the key lives without being renewed.
    """

    def __init__(self, cluster: Cluster, place: str, lease: float) -> None:
        self.token = uuid.uuid4().hex.encode()
        self._cluster = cluster
        self._place = place
        self._lease = lease
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="geowatch lease", daemon=True)

    def start(self) -> None:
        """Show itself from now on.

        Raises:
            RetryableError: memcached did not answer.
        """
        self._show()
        self._thread.start()

    def end(self) -> None:
        """Give up at once what is still reserved."""
        self._ended.set()
        self._thread.join()
        key = self._key(self.token)
        try:
            self._cluster.node(key).delete(key)
        except GeoWatchError as error:
            _log.warning("What is reserved stays so for %g s: %s", self._lease, error)

    def lives(self, token: bytes) -> bool:
        """Whether the window that has this token shows itself.

        Raises:
            RetryableError: memcached did not answer.
        """
        if not _TOKEN.fullmatch(token):
            return False  # whatever another program keeps there, it is no reservation
        key = self._key(token)
        return self._cluster.node(key).get(key) is not None

    def _renew(self) -> None:
        while not self._ended.wait(self._lease / 3):
            try:
                self._show()
            except GeoWatchError as error:
                _log.warning("Others may take over what is reserved here: %s", error)

    def _show(self) -> None:
        key = self._key(self.token)
        # memcached counts in whole seconds, and the first may be nearly over.
        self._cluster.node(key).set(key, b"alive", math.ceil(self._lease) + 1)

    def _key(self, token: bytes) -> str:
        return f"{self._place}/owner/{token.decode()}"
