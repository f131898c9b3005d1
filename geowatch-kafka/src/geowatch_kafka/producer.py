"""Delivers to a topic, and answers when the servers have it."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import attrs

from geowatch_core import CONFIRMED, Codec, Message, Outcome, Producer
from geowatch_kafka import _driver
from geowatch_kafka.backend import OVERHEAD, PRODUCER
from geowatch_kafka.config import PRODUCER as SETTINGS
from geowatch_kafka.options import KafkaProducerOptions
from geowatch_kafka.process import same_process
from geowatch_kafka.topic import ensure_topic

_PROMPT: Final = 0.002
"""Seconds within which few messages are confirmed, and each is noted as it comes."""
_TOGETHER: Final = 0.002
"""Seconds after which confirmations are noted together. For each of them the client takes Python's
lock, and while other threads compute, one at a time would each wait for its turn (measured)."""
_MOMENT: Final = 0.05


class KafkaProducer(Producer):
    """Confirms a message when all replicas in sync have it.

    The client retries by itself, in order and without duplicates, for ``delivery_timeout`` seconds.
    Nothing stays in it: a call returns when every one of its messages has been answered for.
    """

    capabilities = PRODUCER

    def __init__(self, options: KafkaProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec, key=options.key)
        self._options = options
        self._topic = options.full_topic
        self._one_at_a_time = threading.Lock()
        self._client: Any = None
        self._fatal = False
        self._failed: list[tuple[Any, bytes, bytes | None]] = []
        self._errors: deque[Any] = deque(maxlen=20)

    def _open(self) -> None:
        self._process = os.getpid()
        options = self._options
        self._limits: dict[str, int] = {}
        client = self._made()
        ensure_topic(client, options, self._settings(), self._errors)
        self._limit(client)

    def _limit(self, client: Any) -> None:
        """Learn what the topic takes: a batch beyond it would be refused as a whole."""
        options = self._options
        settings = self._settings()
        mine = int(settings["message.max.bytes"])
        largest = _driver.largest_batch(settings, options.config, self._topic, options.timeout)
        if largest is not None and largest < mine:
            self._limits = {"message.max.bytes": max(largest, 1000), "batch.size": largest}
            client, mine = self._made(), largest
        # The claim is what it is without settings; a topic that takes more needs them.
        self.capabilities = attrs.evolve(PRODUCER, max_message=max(mine - OVERHEAD, 1))
        self._client = client

    def _made(self) -> Any:
        return _driver.made(
            self._options.client or _driver.Producer,
            self._settings(),
            self._options.config,
            f"The settings of {self.name} cannot be used",
        )

    def _settings(self) -> dict[str, Any]:
        options = self._options
        return {
            **SETTINGS,
            **options.config,
            **self._limits,
            "bootstrap.servers": options.host,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": options.partitioner,
            "message.timeout.ms": round(options.delivery_timeout * 1000),
            "delivery.report.only.error": True,  # no callback for each message that went well
            "on_delivery": self._undelivered,
            "error_cb": self._errors.append,
        }

    def _undelivered(self, error: Any, message: Any) -> None:
        """The client calls this for each message that was not delivered, within poll or flush."""
        self._failed.append((error, message.value() or b"", message.key()))

    def _size(self, message: Message) -> int:
        size = len(message.data) + len(message.key or b"")
        return size + sum(len(name) + len(value) + 10 for name, value in message.headers)

    def _too_large(self, messages: Sequence[Message]) -> dict[int, Outcome]:
        half = (self.capabilities.max_message or 0) // 2
        doubtful = [m for m in messages if len(m.data) > half or m.headers]
        if not doubtful:
            return {}  # nearly always, and a call for each would cost
        return super()._too_large(messages)

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        same_process(self.name, self._process)
        with self._one_at_a_time:
            self._failed.clear()
            refused = self._enqueue(messages)
            self._wait()
            outcomes = self._outcomes(messages, refused)
            if self._fatal:
                self._client, self._fatal = self._made(), False
        return outcomes

    def _enqueue(self, messages: Sequence[Message]) -> dict[int, Any]:
        """Hand messages to the client; by index, the errors of those that it did not take."""
        refused: dict[int, Any] = {}
        produce, topic = self._client.produce, self._topic
        start = 0
        while start < len(messages):
            try:
                for m in messages[start:] if start else messages:
                    # By position and not by name: that is a third of the time of a call.
                    if m.headers:
                        produce(topic, m.data, m.key, -1, None, None, _ms(m.time), [*m.headers])
                    elif m.time is None:
                        produce(topic, m.data, m.key)
                    else:
                        produce(topic, m.data, m.key, -1, None, None, int(m.time * 1000 + 0.5))
                    start += 1
            except BufferError:  # its queue is full: what is on its way makes room
                self._client.poll(_MOMENT)
            except _driver.KafkaException as error:
                refused[start] = error.args[0]
                start += 1
        return refused

    def _wait(self) -> None:
        """Return when every message has been answered for."""
        left = self._client.flush(_PROMPT)
        while left:
            if self._closed:  # a broker that no longer waits; the client would go on trying
                self._client.purge()
            time.sleep(_TOGETHER)
            left = self._client.flush(0)

    def _outcomes(self, messages: Sequence[Message], refused: dict[int, Any]) -> list[Outcome]:
        outcomes: list[Outcome] = [CONFIRMED] * len(messages)
        for index, error in refused.items():
            outcomes[index] = self._outcome(error, messages[index])
        if self._failed:
            # The client names what it did not deliver by its content. Of two messages that are the
            # same, it does not matter which one is delivered again.
            errors: dict[tuple[bytes, bytes | None], list[Any]] = {}
            for error, data, key in self._failed:
                errors.setdefault((data, key), []).append(error)
            for index, m in enumerate(messages):
                waiting = errors.get((m.data, m.key))
                if waiting and outcomes[index] is CONFIRMED:
                    outcomes[index] = self._outcome(waiting.pop(), m)
        return outcomes

    def _outcome(self, error: Any, message: Message) -> Outcome:
        if error.fatal() or error.code() == _driver.KafkaError._FATAL:
            self._fatal = True  # this client delivers nothing any more; a new one does
        options = self._options
        what = f"Kafka did not take a message for {self._topic}"
        return _driver.error_of(error, what, options.config, got=len(message.data))

    def _delete_topic(self) -> bool:
        given = self._options
        _driver.delete_topic(self._settings(), given.config, self._topic, given.timeout)
        return True

    def _close(self) -> None:
        if os.getpid() != self._process:
            return
        with self._one_at_a_time:
            self._client = None

    def __del__(self) -> None:
        if getattr(self, "_opened", False) and not self._closed:
            warnings.warn(
                f"{self.name} was dropped without close", ResourceWarning, source=self, stacklevel=2
            )


def _ms(time: float | None) -> int:
    """Milliseconds since 1970 as the client takes them; 0 is now."""
    return 0 if time is None else int(time * 1000 + 0.5)
