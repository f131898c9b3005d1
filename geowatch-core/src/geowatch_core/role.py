"""What consumers, producers and stores have in common: a name, a codec, and a life."""

from __future__ import annotations

import threading
from typing import Self

from geowatch_core.capabilities import Capabilities
from geowatch_core.codec import Codec
from geowatch_core.errors import ClosedError

__all__ = ["Role"]


class Role:
    """One end of a flow. Made cheap, opened once, closed for good; a context manager.

    Making one does no input or output. A backend fills ``_open`` and ``_close``.

    Args:
        name: what reports, log lines and errors call it; unique within a broker.
        codec: how values become bytes on this channel.

    Attributes:
        capabilities: what this role can do. A backend that learns more when it opens (the record
            size of a stream) sets a narrower value on the instance.
    """

    capabilities: Capabilities = Capabilities()

    def __init__(self, *, name: str, codec: Codec) -> None:
        self.name = name
        self.codec = codec
        self._opened = False
        self._closed = False
        self._life = threading.RLock()

    def open(self) -> Self:
        """Connect and make sure that the channel is there. A second call does nothing.

        Raises:
            ClosedError: it was closed before; make a new one.
            RetryableError: the service did not answer; the same call may succeed later.
            PermanentError: the service refused.
        """
        with self._life:
            if self._closed:
                raise ClosedError(f"{self.name} was closed", fix="Make a new one.")
            if not self._opened:
                self._open()
                self._opened = True
        return self

    def close(self) -> None:
        """Let go of every resource; what was not settled is given back. Again does nothing."""
        with self._life:
            if self._closed:
                return
            self._closed = True
            if self._opened:
                self._close()

    def delete_topic(self) -> bool:
        """Delete the channel itself, with all that it holds, and say whether that was done.

        For tests, and for what nobody needs any more. False where a backend deletes none.

        Raises:
            ClosedError: not open.
            RetryableError: the service did not answer.
            PermanentError: the service refused.
        """
        self._require_open()
        return self._delete_topic()

    def _require_open(self) -> None:
        if not self._opened or self._closed:
            state = "closed" if self._closed else "not open yet"
            raise ClosedError(f"{self.name} is {state}", fix="Use it inside `with`, or open it.")

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _open(self) -> None:
        """Connect. Raises `RetryableError` or `PermanentError`, never a driver's exception."""

    def _delete_topic(self) -> bool:
        """Delete the channel, where the backend can, and return True."""
        return False

    def _close(self) -> None:
        """Let go of every resource; called once, and only after a successful ``_open``."""
