"""The conformance kit of stores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from geowatch_core.backend import AnyRole, RoleName
from geowatch_core.errors import DecodeError, EncodeError, PermanentError, TooLargeError
from geowatch_core.message import Message
from geowatch_core.store import Store
from geowatch_core.testing import child
from geowatch_core.testing.consumer_base import datas
from geowatch_core.testing.content import EVERY_BYTE
from geowatch_core.testing.fault import Fault
from geowatch_core.testing.kit import when
from geowatch_core.testing.producer_base import failed_at
from geowatch_core.testing.role_kit import ensure_classified
from geowatch_core.testing.role_life import RoleLife
from geowatch_core.testing.role_secret import RoleSecret
from geowatch_core.testing.verdict import ConformanceError, ensure, ensure_same, not_proven

__all__ = ["StoreKit"]

_HUGE = 64 << 20
_reads = when(lambda claims: claims.reads_back, "it does not read back")


class StoreKit(RoleLife, RoleSecret, kit=True):
    """What every store must pass. Subclass it and give it a harness.

    .. code-block:: python

        class TestS3Store(StoreKit):
            harness = S3Harness

    ``raw_read`` must be filled in. More is proven with ``raw_write``, ``break_with`` and
    ``secrets``.
    """

    role: ClassVar[RoleName] = "store"

    def store(self, **more: Any) -> Store:
        """An open store at the fresh place."""
        return cast(Store, self.opened(**more))

    def use(self, role: AnyRole) -> Sequence[object]:
        """Write, and read where it reads back."""
        store = cast(Store, role)
        outcomes = store.write([self.message("used")])
        if self.claims.reads_back:
            store.read()
        return outcomes

    def test_every_byte_is_written_unchanged(self) -> None:
        """A document of every byte value is stored as it is."""
        store = self.store()
        messages = [Message(data) for data in EVERY_BYTE]
        self._writes(store, messages)
        self._ensure_last(store, messages)

    def test_written_is_in_the_service_at_once(self) -> None:
        """When write returns, what it confirmed is stored, as the newest document."""
        store = self.store()
        for texts in ("A", "BC", "DEF"):
            messages = [self.message(text) for text in texts]
            self._writes(store, messages)
            self._ensure_last(store, messages)

    def test_writing_nothing_does_nothing(self) -> None:
        """A write of no messages answers nothing and stores nothing."""
        before = self.channel.raw_read()
        self._writes(self.store(), [])
        ensure(
            self.channel.raw_read() == before,
            "Writing no messages stored something",
            expected="what was there before",
            fix="Leave write as core has it; fill _write.",
        )

    def test_messages_are_left_as_they_were(self) -> None:
        """Write changes no message that it is given."""
        messages = [self.message("A", headers=(("source", b"usgs"),))]
        before = [getattr(messages[0], name) for name in Message.__struct_fields__]
        self._writes(self.store(), messages)
        ensure(
            before == [getattr(messages[0], name) for name in Message.__struct_fields__],
            "write changed a message",
            expected="a message that other destinations still find as it was",
            fix="Read messages only.",
        )

    def test_a_refused_value_fails_alone(self) -> None:
        """A value that the codec cannot write is refused, and its neighbours are stored."""
        store = self.store()
        messages = [self.message("A"), Message.of(object()), self.message("C")]
        outcomes = store.write(messages)
        ensure(
            failed_at(outcomes) == [1] and isinstance(outcomes[1], EncodeError),
            f"Of three messages of which the codec refuses the second became {outcomes}",
            expected="CONFIRMED, an EncodeError, CONFIRMED",
            fix="Leave write as core has it; fill _write.",
        )
        self._ensure_last(store, [messages[0], messages[2]])

    @when(lambda claims: claims.max_message is not None, "no largest document is claimed")
    def test_the_largest_document_is_written_and_a_larger_one_refused(self) -> None:
        """Documents below and at the limit are stored; one above it is TooLargeError and is not."""
        store = self.store()
        limit = store.capabilities.max_message or 0
        if limit > _HUGE:
            not_proven(f"a document at the limit: at {limit} bytes it is more than the kit makes")
        overhead = len(store.document([Message(b"")]))
        for size in (limit - 1, limit):
            messages = [self.channel.sized(size - overhead)]
            self._writes(store, messages)
            self._ensure_last(store, messages)
        before = self.channel.raw_read()
        outcomes = store.write([self.channel.sized(limit - overhead + 1)])
        ensure(
            isinstance(outcomes[0], TooLargeError),
            f"A document of {limit + 1} bytes with a limit of {limit} became {outcomes[0]!r}",
            expected="a TooLargeError",
            fix="Look at the size of the document in _write, as the service counts it.",
        )
        self._ensure_unchanged(before, "a document that is too large")

    @_reads
    def test_what_was_written_is_read(self) -> None:
        """Read brings the messages of the last write, in order, also after a reopen."""
        store = self.store()
        messages = [Message(data) for data in EVERY_BYTE]
        self._writes(store, messages)
        fix = "Yield documents from _read as they were written, oldest first."
        for reader in (store, self.store()):
            got = datas(reader.read())[-len(messages) :]
            ensure_same(got, datas(messages), "read brought something else", fix=fix, ordered=True)

    @_reads
    def test_what_others_wrote_is_read(self) -> None:
        """Read brings what stands there, whoever wrote it."""
        store = self.store()
        items = [self.channel.payload(text) for text in "ABC"]
        self.channel.raw_write(store.codec.pack(items))
        fix = "Read the service, not a copy of one's own."
        ensure_same(
            datas(store.read()), items, "read brought something else", fix=fix, ordered=True
        )

    @_reads
    def test_reading_where_nothing_is_brings_nothing(self) -> None:
        """A read before the first write is empty, and no error."""
        got = datas(self.store().read())
        fix = "Yield nothing from _read where the service has nothing."
        ensure_same(got, [], "A read before the first write brought something", fix=fix)

    @_reads
    def test_a_damaged_document_is_a_decode_error(self) -> None:
        """What is no document of the codec makes read raise DecodeError."""
        store = self.store()
        self.channel.raw_write(store.codec.pack([b"cut short"])[:-1])
        self._ensure_raises(store, DecodeError, "Yield documents from _read; core unpacks them.")

    @when(lambda claims: not claims.reads_back, "it reads back")
    def test_a_store_that_reads_nothing_back_says_so(self) -> None:
        """Read raises PermanentError where reads_back is not claimed."""
        self._ensure_raises(
            self.store(), PermanentError, "Leave _read as core has it, or claim reads_back=True."
        )

    @when(lambda c: c.reads_back and (c.keys or c.headers or c.times), "no keys are claimed")
    def test_keys_headers_and_times_are_read_where_claimed(self) -> None:
        """What is claimed beside the bytes comes back from read."""
        store, claims = self.store(), self.claims
        sent = self.message("A", headers=(("source", b"usgs"),), time=1_000_000_000.001)
        sent.key = b"key"
        self._writes(store, [sent])
        got = store.read()[-1]
        lost = [n for n in ("key", "headers", "time") if getattr(got, n) != getattr(sent, n)]
        lost = [n for n in lost if getattr(claims, n.rstrip("s") + "s")]
        ensure(
            not lost,
            f"{', '.join(lost)} did not come back from read",
            expected="what the capabilities claim",
            fix="Do not claim it.",
        )

    @when(lambda claims: claims.persistent, "persistent is not claimed")
    def test_confirmed_outlives_the_process(self) -> None:
        """What a process was told is confirmed is stored although the process died then."""
        messages = [self.message(text) for text in "ABC"]
        packed = [message.data.hex() for message in messages]
        job = {"backend": self.channel.backend, "role": "store", "messages": packed}
        outcomes = child.run(job, self.channel.given("store", {}))
        ensure(
            outcomes == [None] * len(messages),
            f"In a process of its own write answered {outcomes}",
            expected="CONFIRMED for each",
            fix="Keep nothing in the process that another one lacks.",
        )
        self._ensure_last(self.store(), messages)

    def test_a_failed_write_confirms_nothing(self) -> None:
        """While the service does not answer every outcome is retryable, and nothing changes."""
        self._fails(Fault(at="write"))

    def test_a_refused_write_is_permanent(self) -> None:
        """Where the service refuses for good every outcome is permanent, and nothing changes."""
        self._fails(Fault(at="write", kind="permanent"))

    @_reads
    def test_a_failed_read_is_said(self) -> None:
        """Read raises RetryableError while the service does not answer; the next try works."""
        store, fault = self.store(), Fault(at="read")
        self._writes(store, [self.message("A")])
        with self.broken(fault):
            self.raised(store.read, fault)
        ensure(
            bool(store.read()),
            "After a failed read the next one brought nothing",
            expected="what is stored",
            fix="Connect again.",
        )

    @_reads
    def test_a_refused_read_is_said(self) -> None:
        """Read raises PermanentError where the service refuses for good."""
        store, fault = self.store(), Fault(at="read", kind="permanent")
        with self.broken(fault):
            self.raised(store.read, fault)

    def _fails(self, fault: Fault) -> None:
        __tracebackhide__ = True
        store = self.store()
        self._writes(store, [self.message("before")])
        before = self.channel.raw_read()
        messages = [self.message(text) for text in "ABC"]
        with self.broken(fault):
            outcomes = store.write(messages)
        ensure(
            failed_at(outcomes) == [0, 1, 2],
            f"Under {fault} the outcomes were {outcomes}",
            expected="an error for each message",
            fix="Return from _write only when the service has confirmed it.",
        )
        for outcome in outcomes:
            ensure_classified(outcome, fault)
        self._ensure_unchanged(before, f"{fault}")
        self._writes(store, messages)
        self._ensure_last(store, messages)

    def _writes(self, store: Store, messages: Sequence[Message]) -> None:
        """Write, and refuse anything but confirmations."""
        __tracebackhide__ = True
        outcomes = store.write(messages)
        failed = failed_at(outcomes)
        ensure(
            not failed and len(outcomes) == len(messages),
            f"A healthy service did not take {len(messages)} messages: "
            f"{outcomes[failed[0]] if failed else outcomes}",
            expected="CONFIRMED for each",
            fix="Have _write store the document and return; it raises only if the service fails.",
        )

    def _ensure_last(self, store: Store, messages: Sequence[Message]) -> None:
        """Refuse anything but a document of these as the newest that is stored."""
        __tracebackhide__ = True
        documents = self.channel.raw_read()
        ensure(
            bool(documents),
            "A confirmed write is not in the service",
            expected="its document",
            fix="Return from _write only when the service has confirmed it.",
        )
        ensure_same(
            store.codec.unpack(documents[-1]),
            datas(messages),
            "The newest document is not what was written last",
            fix="Store self.document(messages) as it is.",
            ordered=True,
        )

    def _ensure_unchanged(self, before: list[bytes], what: str) -> None:
        __tracebackhide__ = True
        ensure(
            self.channel.raw_read() == before,
            f"{what[0].upper()}{what[1:]} changed what is stored",
            expected="what was there before",
            fix="Replace a document as a whole, or not at all.",
        )

    def _ensure_raises(self, store: Store, kind: type[Exception], fix: str) -> None:
        __tracebackhide__ = True
        read: Callable[[], object] = store.read
        try:
            brought = read()
        except kind:
            return
        except Exception as error:
            raise ConformanceError(
                f"read raised {type(error).__name__}: {error}", expected=kind.__name__, fix=fix
            ) from error
        raise ConformanceError(f"read brought {brought!r}", expected=kind.__name__, fix=fix)
