"""Delivers to a service that answers for each entry."""

from __future__ import annotations

from collections.abc import Sequence

from geowatch_core.codec import Codec
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.producer import Producer
from tests.kit.twin import _driver
from tests.kit.twin.backend import STREAM
from tests.kit.twin.options import TwinProducerOptions


class TwinProducer(Producer):
    """The good twin of those that are sabotaged."""

    capabilities = STREAM

    def __init__(self, options: TwinProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self.token = options.token
        self.channel = options.full_topic

    def _open(self) -> None:
        try:
            _driver.call(self.channel, "open")
        except _driver.DriverError as error:
            raise _driver.failure(error) from error

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        try:
            return [_driver.outcome(code) for code in _driver.send(self.channel, messages)]
        except _driver.DriverError as error:
            raise _driver.failure(error) from error
