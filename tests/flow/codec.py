"""Two small codecs for the same values, so that the flow is proven without any real one."""

import json
from typing import Any, ClassVar

import attrs

from geowatch_core.codec import Codec
from geowatch_core.errors import DecodeError, EncodeError

__all__ = ["JSON", "SPACED", "Tight"]


@attrs.frozen
class Tight(Codec):
    """JSON, written without a blank."""

    name: ClassVar[str] = "tight"
    separators: tuple[str, str] = (",", ":")

    def encode(self, value: Any) -> bytes:
        """JSON of `value`."""
        try:
            return json.dumps(value, separators=self.separators, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise EncodeError("Not JSON", got=value, fix="Deliver plain values.") from error

    def decode(self, data: bytes) -> Any:
        """The value of some JSON."""
        try:
            return json.loads(data)
        except ValueError as error:
            raise DecodeError("Not JSON", got=data, fix="Send JSON.") from error


JSON = Tight()
SPACED = Tight(separators=(" , ", " : "))
"""The same values in other bytes: another codec, as far as the broker knows."""
