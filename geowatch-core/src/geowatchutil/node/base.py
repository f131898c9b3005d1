"""What provisioning returned: something to get messages from, or to send them to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from geowatch_core import Broker, Consumer, Duplex, Message, Producer
from geowatchutil.client.base import GeoWatchClient

__all__ = ["GeoWatchNode"]


class GeoWatchNode:
    """A consumer, a producer, or both, under the methods of 2015.

    Attributes:
        topic: without its prefix.
        mode: consumer, producer or duplex.
        consumer: today's consumer, or None.
        producer: today's producer, or None.
    """

    def __init__(
        self,
        client: GeoWatchClient,
        mode: str,
        topic: str | None,
        *,
        consumer: Consumer | None = None,
        producer: Producer | None = None,
    ) -> None:
        self.mode = mode
        self.topic = topic
        self.consumer = consumer
        self.producer = producer
        self._client = client
        self._given: list[Message] = []
        # A broker knows how to try again what half failed, so sending goes through one.
        sinks = [producer] if producer else []
        self._out = Broker(topic or client.backend, producers=sinks, best_effort=True)
        if producer:
            self._out.__enter__()

    @property
    def duplex(self) -> Duplex:
        """Both halves, as a broker takes them."""
        consumer, producer = self._need(self.consumer), self._need(self.producer)
        return Duplex(consumer=consumer, producer=producer)

    def get_messages(self, count: int, block: bool = True, timeout: float = 5) -> list[Any]:
        """The values of the next messages, at most `count`.

        Messages are settled when the next ones are asked for, or at ``close``: what the caller had
        not dealt with when its process died comes again.

        Raises:
            DecodeError: one of them is not what the codec promises; all of them come again.
        """
        consumer = self._need(self.consumer)
        self._settle(consumer)
        messages = consumer.consume(count, timeout if block else 0)
        try:
            values = [message.value for message in messages]
        except BaseException:
            consumer.nack(messages)
            raise
        self._given = messages
        return values

    def send_message(self, message: Any) -> None:
        """Deliver one message, and return when it is confirmed."""
        self.send_messages([message])

    def send_messages(self, messages: Iterable[Any]) -> None:
        """Deliver messages, and return when all are confirmed.

        Raises:
            BrokerStoppedError: the channel refused one, or did not answer however often.
        """
        self._need(self.producer)
        self._out.receive_messages(messages)

    def delete_topic(self) -> bool:
        """Delete the topic with all that it holds; whether the backend does such a thing."""
        role = self.consumer or self.producer
        return role is not None and role.delete_topic()

    def close(self) -> None:
        """Settle what was given, and let go of the connection."""
        if self.consumer is not None:
            self._settle(self.consumer)
        self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._leave()  # what was being dealt with comes again

    def _settle(self, consumer: Consumer) -> None:
        given, self._given = self._given, []
        consumer.ack(given)

    def _leave(self) -> None:
        self._out.close()
        if self.consumer is not None:
            self.consumer.close()

    def _need(self, role: Any) -> Any:
        if role is None:
            raise TypeError(
                f"A node of mode {self.mode!r} cannot do this. Provision the other mode."
            )
        return role
