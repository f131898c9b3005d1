"""What the kit must know of one backend. An author fills in one of these."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest

from geowatch_core.backend import RoleName
from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.message import Message
from geowatch_core.producer import Producer
from geowatch_core.provision import provision_consumer, provision_producer, provision_store
from geowatch_core.store import Store
from geowatch_core.testing.fault import Fault
from geowatch_core.testing.raw import RawCodec
from geowatch_core.testing.verdict import ConformanceError

__all__ = ["Harness"]


class Harness:
    """One fresh channel of one backend, and ways past the code under test.

    The kit makes one for every check, in ``start`` and ``stop``. An author must fill in ``backend``
    and ``options``, and of the raw methods those that the kits in use ask for. Everything else has
    a default; what a default cannot prove is named in the summary as not proven.

    Args:
        request: of the running test, to get at fixtures: ``request.getfixturevalue("server")``.

    Attributes:
        backend: the name that the backend is registered under.
        driver_modules: the modules of the client, which registering must not import; empty if it
            needs none.
        codec: what the kit provisions roles with, unless ``options`` names another.
        patience: seconds after which a healthy channel has surely brought what it holds.
        silence: seconds without a message after which the kit believes that none will come.
        many: how many messages a check takes that needs many.
        largest: bytes of the largest message the kit makes where the channel has no limit or a
            huge one.
        unique: a name for the fresh channel.
        folder: an empty folder of this check's own.
    """

    backend: ClassVar[str]
    driver_modules: ClassVar[Sequence[str] | None] = None
    codec: ClassVar[Codec] = RawCodec()
    patience: ClassVar[float] = 5.0
    silence: ClassVar[float] = 0.3
    many: ClassVar[int] = 500
    largest: ClassVar[int] = 1 << 20

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request = request
        self.unique = f"kit-{uuid.uuid4().hex[:12]}"
        self.folder: Path = request.getfixturevalue("tmp_path")

    def start(self) -> None:
        """Make the channel, where naming it in ``options`` is not enough."""

    def stop(self) -> None:
        """Remove the channel. Every role that the kit made is closed by then."""

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """The options for this role at the fresh channel; the same at every call."""
        raise _unwritten(self, f'options("{role}")', "Return what provision() takes for that role.")

    def secrets(self) -> Mapping[str, str]:
        """By option, the texts planted in ``options`` that nobody must ever see.

        Make them long and unlike anything else, such as ``"canary-5cf1e6"``.
        """
        return {}

    def make_consumer(self, **more: Any) -> Consumer:
        """An open consumer of the channel; a second call makes another one of the same channel."""
        return provision_consumer(self.backend, **self.given("consumer", more))

    def make_producer(self, **more: Any) -> Producer:
        """An open producer of the channel."""
        return provision_producer(self.backend, **self.given("producer", more))

    def make_store(self, **more: Any) -> Store:
        """An open store."""
        return provision_store(self.backend, **self.given("store", more))

    def given(self, role: RoleName, more: Mapping[str, Any]) -> dict[str, Any]:
        """What the kit provisions a role with: opening is tried once, as a failure must show."""
        return {"codec": self.codec, "max_tries": 1, **self.options(role), **more}

    def raw_put(self, messages: Sequence[Message]) -> None:
        """Put messages into the channel, in order, without the code under test."""
        raise _unwritten(
            self, "raw_put", "Send data, key, headers and time with the service's own client."
        )

    def raw_take(self) -> list[Message]:
        """What is in the channel now and was not taken before, in order, past the code under test.

        It must not wait for messages to arrive.
        """
        raise _unwritten(
            self, "raw_take", "Receive with the service's own client, and return Message(...)s."
        )

    def raw_write(self, document: bytes) -> None:
        """Have the place that a store reads hold this document, without the code under test."""
        raise _unwritten(self, "raw_write", "Write the bytes with the service's own client.")

    def raw_read(self) -> list[bytes]:
        """The documents that the store has written, oldest first, past the code under test."""
        raise _unwritten(self, "raw_read", "Read the bytes with the service's own client.")

    def raw_waiting(self) -> int | None:
        """How many messages the service has not handed out yet; None if it cannot be known."""
        return None

    def payload(self, text: str) -> bytes:
        """Bytes that the channel carries and that differ as `text` differs.

        Override it for a channel that takes only bytes of a certain form, such as JSON.
        """
        return text.encode()

    def sized(self, size: int) -> Message:
        """A message that the service counts as `size` bytes."""
        return Message(b"x" * size)

    def carries(self, message: Message) -> bool:
        """Whether the channel can carry this message; its producer must refuse any other."""
        return True

    def break_with(self, fault: Fault) -> AbstractContextManager[object] | None:
        """Break the service in this way for as long as the context lasts; None if that cannot be.

        Break the service or its client, not the code under test.
        """
        return None

    def redelivering(self) -> tuple[Mapping[str, Any], float] | None:
        """More consumer options, and the seconds after which an unsettled message then returns.

        None for a channel that brings it again only after a nack or a reopen.
        """
        return None

    def saturating(self) -> tuple[Mapping[str, Any], int] | None:
        """More consumer options, and how many unsettled messages then hold all others back.

        Choose a small number, at least 3. None for a channel without such a limit.
        """
        return None


def _unwritten(harness: Harness, what: str, how: str) -> ConformanceError:
    name = type(harness).__name__
    return ConformanceError(
        f"{name}.{what} is not written yet",
        expected=f"a harness that overrides it, for the checks of {harness.backend} that need it",
        fix=how,
    )


def unfilled(owner: str, name: str) -> NoReturn:
    """Say that a kit lacks what its author must fill in."""
    raise ConformanceError(
        f"{owner}.{name} is not filled in",
        expected=f"a class attribute `{name}`",
        fix=f"Write `{name} = …` in the body of {owner}.",
    )
