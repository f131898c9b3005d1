"""Consumes from the outbox."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Sequence

from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.contrib.django.outbox._driver import Outbox
from geowatch_core.contrib.django.outbox.backend import CONSUMER
from geowatch_core.contrib.django.outbox.options import OutboxConsumerOptions
from geowatch_core.errors import ClosedError, ServiceError
from geowatch_core.message import Message

_log = logging.getLogger(__name__)


class OutboxConsumer(Consumer):
    """Competes with the other consumers of its topic, in any process; each message goes to one.

    Messages settle one by one, never by position: of two transactions the one with the lower id may
    commit later. What is ready comes in the order of ids, so what one thread sends in transactions
    one after the other comes in that order.

    A message is leased, not deleted, until it is acked. A consumer that lives renews its lease; one
    that died leaves it to run out, and another gets the message.
    """

    capabilities = CONSUMER

    def __init__(self, options: OutboxConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self._options = options
        self._lease = secrets.randbits(62)
        self._unsettled = 0
        self._counting = threading.Lock()
        self._closing = threading.Event()

    @property
    def exhausted(self) -> bool:
        """With ``until_empty``: whether the topic has nothing left to bring.

        What another consumer holds is left to bring: that consumer may give it back, or die.
        """
        return self._options.until_empty and self._outbox.done()

    def _open(self) -> None:
        given = self._options
        self._outbox = Outbox(
            given.using, given.full_topic, self._lease, given.lease, given.timeout
        )
        self._heart = threading.Thread(target=self._beat, name=f"lease of {self.name}", daemon=True)
        self._heart.start()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        deadline = time.monotonic() + timeout
        try:
            while not (messages := self._take(count)) and not self.exhausted:
                left = deadline - time.monotonic()
                if left <= 0 or self._closing.wait(min(self._options.poll, left)):
                    break
        except ClosedError:  # meanwhile, by another thread
            return []
        return messages

    def _take(self, count: int) -> list[Message]:
        """What is there for this consumer now. Looking takes no lock that a writer waits for."""
        room = min(count, self._options.max_unsettled - self._unsettled)
        if room <= 0 or not self._outbox.ready():
            return []
        messages = self._outbox.take(room)
        self._count(len(messages))
        return messages

    def _ack(self, messages: Sequence[Message]) -> None:
        removed = self._outbox.remove([message.position for message in messages])
        self._count(-len(messages))
        if removed < len(messages):
            _log.warning(
                "%s: %d messages were acked too late and come again. Give a longer lease.",
                self.name,
                len(messages) - removed,
            )

    def _nack(self, messages: Sequence[Message]) -> None:
        self._outbox.release([message.position for message in messages])
        self._count(-len(messages))

    def _close(self) -> None:
        self._closing.set()
        self._heart.join()
        try:
            self._outbox.close()
        except ServiceError as error:
            # Nothing is lost: what it held comes again, and the process must be able to end.
            _log.warning(
                "%s: what it held comes again when its lease runs out: %s", self.name, error
            )

    def _count(self, change: int) -> None:
        with self._counting:
            self._unsettled += change

    def _beat(self) -> None:
        """Renew the lease for as long as this process runs, however slow it is."""
        while not self._closing.wait(self._options.lease / 3):
            try:
                if self._unsettled:
                    self._outbox.renew()
            except ServiceError as error:
                _log.warning("%s: the lease was not renewed: %s", self.name, error)
