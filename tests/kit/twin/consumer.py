"""Consumes as memory does, from a service that can fail."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.codec import Codec
from geowatch_core.memory.consumer import MemoryConsumer
from geowatch_core.message import Message
from tests.kit.twin import _driver
from tests.kit.twin.backend import STREAM
from tests.kit.twin.options import TwinConsumerOptions


class TwinConsumer(MemoryConsumer):
    """The good twin of those that are sabotaged."""

    capabilities = STREAM

    def __init__(self, options: TwinConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(options, name=name, codec=codec)
        self.capabilities = type(self).capabilities
        self.token = options.token
        self.channel = options.full_topic

    def _open(self) -> None:
        self._call("open")

    def _consume(self, count: int, timeout: float) -> list[Message]:
        self._call("consume")
        return super()._consume(count, timeout)

    def _ack(self, messages: Sequence[Message]) -> None:
        self._call("ack")
        super()._ack(messages)

    def _nack(self, messages: Sequence[Message]) -> None:
        self._call("nack")
        super()._nack(messages)

    def _call(self, at: str) -> None:
        try:
            _driver.call(self.channel, at)
        except _driver.DriverError as error:
            raise _driver.failure(error) from error
