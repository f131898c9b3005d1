"""A node that one consumes from and delivers to, such as a chat channel."""

from __future__ import annotations

import msgspec

from geowatch_core.consumer import Consumer
from geowatch_core.producer import Producer

__all__ = ["Duplex"]


class Duplex(msgspec.Struct, frozen=True):
    """A consumer and a producer on the same channel.

    A broker never delivers to a duplex node what it consumed from it: it would hear itself.
    """

    consumer: Consumer
    producer: Producer
