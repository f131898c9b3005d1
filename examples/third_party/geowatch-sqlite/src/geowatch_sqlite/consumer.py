"""Consumes from a topic in a SQLite file."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Sequence

from geowatch_core import ClosedError, Codec, Consumer, Message, ServiceError

from geowatch_sqlite._driver import Database
from geowatch_sqlite.backend import CONSUMER
from geowatch_sqlite.options import SqliteConsumerOptions

_log = logging.getLogger(__name__)
_POLL = 0.02
"""Seconds between two looks at an empty topic. A look reads a few pages that are in memory."""


class SqliteConsumer(Consumer):
    """Competes with the other consumers of its topic, in any process; each message goes to one.

    A message is leased, not removed, until it is acked. A consumer that lives renews its lease; one
    that died leaves it to run out, and another gets the message.
    """

    capabilities = CONSUMER

    def __init__(self, options: SqliteConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self._options = options
        self._topic = options.full_topic
        self._lease = secrets.randbits(62)
        self._unsettled = 0
        self._counting = threading.Lock()
        self._closing = threading.Event()

    @property
    def exhausted(self) -> bool:
        """With ``until_empty``: whether the topic has nothing left to bring.

        What another consumer holds is left to bring: that consumer may give it back, or die.
        """
        return self._options.until_empty and self._database.done(self._topic, self._lease)

    def _open(self) -> None:
        self._database = Database(self._options.path, self._options.timeout)
        self._heart = threading.Thread(target=self._beat, name=f"lease of {self.name}", daemon=True)
        self._heart.start()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        deadline = time.monotonic() + timeout
        try:
            while not (messages := self._take(count)) and not self.exhausted:
                left = deadline - time.monotonic()
                if left <= 0 or self._closing.wait(min(_POLL, left)):
                    break
        except ClosedError:  # meanwhile, by another thread
            return []
        return messages

    def _take(self, count: int) -> list[Message]:
        """What is there for this consumer now. Looking takes no lock that a writer waits for."""
        room = min(count, self._options.max_unsettled - self._unsettled)
        if room <= 0 or not self._database.ready(self._topic):
            return []
        messages = self._database.take(self._topic, room, self._lease, self._options.lease)
        self._count(len(messages))
        return messages

    def _ack(self, messages: Sequence[Message]) -> None:
        removed = self._database.remove(self._lease, [m.position for m in messages])
        self._count(-len(messages))
        if removed < len(messages):
            _log.warning(
                "%s: %d messages were acked too late and come again. Give a longer lease.",
                self.name,
                len(messages) - removed,
            )

    def _nack(self, messages: Sequence[Message]) -> None:
        self._database.release(self._lease, [m.position for m in messages])
        self._count(-len(messages))

    def _close(self) -> None:
        self._closing.set()
        self._heart.join()
        try:
            self._database.end(self._lease)
        finally:
            self._database.close()

    def _count(self, change: int) -> None:
        with self._counting:
            self._unsettled += change

    def _beat(self) -> None:
        """Renew the lease for as long as this process runs, however slow it is."""
        while not self._closing.wait(self._options.lease / 3):
            try:
                if self._unsettled:
                    self._database.renew(self._lease, self._options.lease)
            except ServiceError as error:
                _log.warning("%s: the lease was not renewed: %s", self.name, error)
