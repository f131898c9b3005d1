"""A window remembers which messages were seen, for one broker or for several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

__all__ = ["Window"]


class Window(ABC):
    """Remembers identities, so that a crash or a give-back never swallows a message.

    An identity is reserved before its message goes on, confirmed when every destination has it, and
    released when the message was given back, so that its redelivery goes on. What a broker has
    only reserved, it may yet lose: to the others it is neither new nor seen.

    Opened and closed by the broker that uses it, and used by several of its threads. Each broker
    has one of its own; those of several brokers remember together.
    """

    def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Connect.

        Raises:
            RetryableError: the service did not answer.
            PermanentError: the service refused.
        """

    def close(self) -> None:  # noqa: B027
        """Let go of every resource, and of what is reserved."""

    @abstractmethod
    def reserve(self, identities: Sequence[bytes]) -> list[bool] | None:
        """For each, whether it is new; those that are new are reserved.

        Of equal ones the first is new, and what this window has reserved before is not.

        Returns:
            None where another broker that still lives has reserved one of them: ask again for all,
            or release. An implementation sees to it that two that ask cannot wait for each other.

        Raises:
            RetryableError: the service did not answer. What it reserved all the same is new at the
                next call, as nobody was told.
        """

    @abstractmethod
    def confirm(self, identities: Sequence[bytes]) -> None:
        """Every destination has their messages.

        Raises:
            RetryableError: the service did not answer; the call can be repeated.
        """

    @abstractmethod
    def release(self, identities: Sequence[bytes]) -> None:
        """Their messages were given back. So is what a `reserve` without an answer has left.

        Raises:
            RetryableError: the service did not answer. To this window they are new all the same;
                to others they stay reserved until it is closed, at the latest.
        """
