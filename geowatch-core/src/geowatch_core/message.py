"""A message: bytes that become a value when somebody asks."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from msgspec import UNSET

__all__ = ["Headers", "Message", "Origin"]

Headers = tuple[tuple[str, bytes], ...]
"""Name and value pairs in order, as Kafka has them: a name may stand more than once."""


class Origin(Protocol):
    """What a message knows of where it came from: a name, and the codec of its bytes."""

    @property
    def name(self) -> str:
        """What reports and errors call it."""

    @property
    def codec(self) -> _Decoder:
        """How its bytes become values."""


class _Decoder(Protocol):
    def decode(self, data: bytes, /) -> Any: ...
    def decode_checked(self, data: bytes, /) -> Any: ...


class Message(msgspec.Struct, eq=False, gc=False):
    """One value with its key, headers, event time and where it came from.

    A message keeps the bytes it arrived with and decodes them when ``value`` is first read. Reading
    ``value`` counts as touching: whoever holds it may have changed it, so a touched message is
    encoded anew for every destination. An untouched one is delivered with its original bytes
    wherever both ends speak the same codec.

    A backend fills the first five fields and reads no others.

    Args:
        data: the bytes as they arrived, or as they are to be delivered.
        key: what keeps messages together and in order in channels that know keys.
        headers: name and value pairs beside the value.
        time: event time in seconds since 1970-01-01T00:00:00Z.
        position: where in its channel the message was; only the backend that set it reads it.
        origin: the consumer that brought it; None for a message made by hand.
        checked: whether a reader of the origin's codec has found no fault with ``data``.

    Note:
        ``gc=False`` keeps thousands of messages in flight out of the garbage collector's sight
        (https://jcristharif.com/msgspec/structs.html#struct-gc). A message must not be made part
        of a reference cycle.
    """

    data: bytes = b""
    key: bytes | None = None
    headers: Headers = ()
    time: float | None = None
    position: Any = None
    origin: Origin | None = None
    _value: Any = UNSET
    _settled: str | None = None
    _replaces: Message | None = None
    checked: bool = False

    @classmethod
    def of(
        cls,
        value: Any,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        time: float | None = None,
    ) -> Message:
        """A new message that carries `value`, to be encoded by each destination's codec."""
        return cls(b"", key, headers, time, None, None, value)

    @property
    def value(self) -> Any:
        """The decoded value. Reading it counts as touching the message.

        Raises:
            DecodeError: the bytes are not what the origin's codec promises.
        """
        value = self._value
        if value is UNSET:
            if self.checked and self.origin is not None:
                value = self._value = self.origin.codec.decode_checked(self.data)
            else:
                value = self._value = self.peek()
        return value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value

    @property
    def touched(self) -> bool:
        """Whether somebody read or set ``value``, so that ``data`` may be out of date."""
        return self._value is not UNSET

    @property
    def settled(self) -> str | None:
        """``"acked"`` or ``"nacked"`` once this delivery was settled at its origin."""
        return (self._replaces or self)._settled

    def peek(self) -> Any:
        """The value, to look at and not to change; an untouched message stays untouched.

        Of an untouched message it is a new value at every call, so changing it changes nothing.

        Raises:
            DecodeError: the bytes are not what the origin's codec promises.
        """
        if self._value is not UNSET:
            return self._value
        if self.origin is None:
            return self.data
        codec = self.origin.codec
        return codec.decode_checked(self.data) if self.checked else codec.decode(self.data)

    def release(self) -> None:
        """Let go of the value, where ``data`` can give it again: its memory is wanted back."""
        if self.origin is not None:
            self._value = UNSET

    def header(self, name: str) -> bytes | None:
        """The last header of that name, or None."""
        return next((value for key, value in reversed(self.headers) if key == name), None)

    def replace(self, value: Any) -> Message:
        """A new message that carries `value` in place of this one's, and keeps all the rest.

        It is still this delivery: settling it settles the original.
        """
        return msgspec.structs.replace(self, _value=value, _replaces=self._replaces or self)
