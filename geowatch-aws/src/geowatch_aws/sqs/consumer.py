"""Consumes from a queue of SQS."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs

from geowatch_aws._body import ATTRIBUTE, unpacked
from geowatch_aws._fifo import ONE_GROUP
from geowatch_aws.sqs._driver import Queue
from geowatch_aws.sqs._envelope import unwrapped
from geowatch_aws.sqs._holder import Holder
from geowatch_aws.sqs._receipt import Receipt
from geowatch_aws.sqs.backend import CONSUMER, ENTRIES
from geowatch_aws.sqs.options import SqsConsumerOptions
from geowatch_core.capabilities import Order
from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.errors import PermanentError, ServiceError
from geowatch_core.message import Message

__all__ = ["SqsConsumer"]

_log = logging.getLogger(__name__)
_PAUSE = 0.1
"""Seconds between two looks at an empty queue where no long poll was asked for."""
_ANSWER = 0.5
"""Seconds that a `consume` waits at least for an answer, when the service has failed before."""


class SqsConsumer(Consumer):
    """Competes with the other consumers of its queue, wherever they run.

    It never receives more than it was asked for. While the queue brings little, one long poll waits
    for the next messages; it goes on when ``consume`` returns, and what it brings is for the next
    call, or given back at once where the consumer was closed meanwhile. While pages come full,
    several are received at the same time; of a FIFO queue one after the other, as its order needs.

    Attributes:
        expired: how many messages were not settled in time, so that others may have got them.
    """

    capabilities = CONSUMER

    def __init__(self, options: SqsConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self.capabilities = attrs.evolve(
            CONSUMER,
            order=Order.KEY if options.fifo else Order.NONE,
            max_unsettled=options.max_unsettled,
            redelivers_after=float(options.visibility or CONSUMER.redelivers_after or 0),
        )
        self._options = options
        self._most_calls = 1 if options.fifo else options.parallel
        self._changed = threading.Condition()
        self._ready: deque[Message] = deque()
        self._asked = 0  # for how many messages calls are under way
        self._polls = 0  # of these calls, those that wait for messages
        self._calls = 0
        self._busy = False  # the last page was full: the queue has more
        self._not_before = 0.0
        self._failure: Exception | None = None  # to be raised
        self._failed: Exception | None = None  # raised, and the service has not answered since
        self._closing = False

    @property
    def expired(self) -> int:
        """How many messages were not settled in time, so that others may have got them."""
        return self._holder.expired if self._opened else 0

    def _open(self) -> None:
        options = self._options
        threads = 2 * options.parallel + 1  # one for a poll, and as many again to settle with
        self._queue = Queue(options, calls=threads, patience=options.wait)
        seconds = options.visibility or self._queue.visibility
        if seconds is None:
            self._queue.close()
            raise PermanentError(
                "The attributes of the queue may not be read, so its visibility is not known",
                got=options.full_topic,
                fix="Allow sqs:GetQueueAttributes, or give visibility.",
            )
        self.capabilities = attrs.evolve(self.capabilities, redelivers_after=float(seconds))
        self._visibility = float(seconds)
        self._threads = ThreadPoolExecutor(threads, f"geowatch {self.name}")
        self._holder = Holder(
            self.name,
            self._queue,
            visibility=self._visibility,
            parallel=options.parallel,
            threads=self._threads,
        )
        if options.heartbeat:
            self._holder.beat()

    def _consume(self, count: int, timeout: float) -> list[Message]:
        # That nothing came is for the service to say: a failure would be forgotten otherwise, and
        # asking again would begin anew with the shortest pause.
        patience = timeout if self._failed is None else max(timeout, _ANSWER)
        deadline = time.monotonic() + patience
        with self._changed:
            while not self._closing:
                pause = self._launch(count)
                if self._ready:
                    if len(self._ready) >= count or self._calls == self._polls:
                        break
                elif self._failure is not None:
                    self._failed, self._failure = self._failure, None
                    raise self._failed
                left = deadline - time.monotonic()
                if left <= 0:
                    if self._failed is not None:
                        raise self._failed
                    break
                self._changed.wait(min(left, pause) if pause else left)
            return [self._ready.popleft() for _ in range(min(count, len(self._ready)))]

    def _launch(self, count: int) -> float:
        """Begin as many calls as `count` and the limits ask for; seconds until the next look."""
        held = len(self._holder.receipts)
        room = min(count - len(self._ready), self._options.max_unsettled - held) - self._asked
        if room <= 0 or self._failure is not None:
            return 0.0
        pause = self._not_before - time.monotonic()
        if not self._busy:
            if self._calls:
                return 0.0
            if pause > 0:
                return pause
            self._begin(min(room, ENTRIES), 0 if self._failed else self._options.wait)
            return 0.0
        while room > 0 and self._calls < self._most_calls:
            self._begin(min(room, ENTRIES), 0)
            room -= ENTRIES
        return 0.0

    def _begin(self, count: int, wait: int) -> None:
        self._asked += count
        self._calls += 1
        self._polls += wait > 0
        self._threads.submit(self._receive, count, wait)

    def _receive(self, count: int, wait: int) -> None:
        """One call of the service, in a thread of its own."""
        until = time.monotonic() + self._visibility
        messages: list[Message] = []
        failure: Exception | None = None
        try:
            got = self._queue.receive(count, wait, self._options.visibility)
            messages = [self._message(each, until) for each in got]
        except Exception as error:  # whatever it is, the thread in `consume` has to know of it
            failure = error
        with self._changed:
            late = self._closing
            if not late:
                self._holder.receipts.add(message.position for message in messages)
                self._ready.extend(messages)
                self._failure = failure
                if failure is None:
                    self._failed = None
                self._busy = len(messages) == count
                if not messages and not wait:
                    self._not_before = time.monotonic() + _PAUSE
            self._asked -= count
            self._polls -= wait > 0
            self._changed.notify_all()
        if late and messages:
            self._refuse([message.position.handle for message in messages])
        with self._changed:
            self._calls -= 1
            self._changed.notify_all()
            last = self._closing and not self._calls
        if last:
            self._queue.close()

    def _message(self, given: dict[str, Any], until: float) -> Message:
        body, attributes = given["Body"], given.get("MessageAttributes") or {}
        if self._options.unwrap_sns:
            body, attributes = unwrapped(body, attributes)
        message = unpacked(body, attributes)
        group = (given.get("Attributes") or {}).get("MessageGroupId", "")
        if ATTRIBUTE not in attributes and group not in ("", ONE_GROUP):
            message.key = group.encode()  # sent by others, to whom the group is what a key is
        message.position = Receipt(given["ReceiptHandle"], given["MessageId"], group, until)
        return message

    def _refuse(self, handles: Sequence[str]) -> None:
        """Give back what came after the end."""
        try:
            self._queue.hide(handles, 0)
        except ServiceError as error:
            _log.warning("%s: not given back, they come again by themselves: %s", self.name, error)

    def _ack(self, messages: Sequence[Message]) -> None:
        self._holder.delete([message.position for message in messages])
        self._wake()

    def _nack(self, messages: Sequence[Message]) -> None:
        try:
            self._holder.give_back([message.position for message in messages])
        finally:
            self._wake()

    def _wake(self) -> None:
        """There is room again."""
        with self._changed:
            self._not_before = 0.0
            self._changed.notify_all()

    def _delete_topic(self) -> bool:
        self._queue.drop()
        return True

    def _close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._holder.stop()
        try:
            self._holder.give_back(self._holder.receipts.all())
        except ServiceError as error:
            _log.warning("%s: not given back, they come again by themselves: %s", self.name, error)
        self._threads.shutdown(wait=False)
        with self._changed:
            last = not self._calls
        if last:
            self._queue.close()
