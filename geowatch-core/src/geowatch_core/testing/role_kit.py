"""What the kits of consumers, producers and stores have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from typing import Any, ClassVar

import pytest

from geowatch_core.backend import AnyRole, RoleName, RoleSpec
from geowatch_core.capabilities import Capabilities, Order
from geowatch_core.errors import GeoWatchError, PermanentError, RetryableError
from geowatch_core.message import Message
from geowatch_core.outcome import Outcome
from geowatch_core.provision import role_spec
from geowatch_core.testing.background import background
from geowatch_core.testing.fault import Fault
from geowatch_core.testing.harness import Harness, unfilled
from geowatch_core.testing.kit import Kit
from geowatch_core.testing.verdict import ConformanceError, ensure, not_proven

__all__ = ["RoleKit"]

PROMPT = 1.0
"""Seconds within which a role notices that it shall stop. A promise, so no harness changes it."""

_CLOSING = 3.0


class RoleKit(Kit, kit=True):
    """A fresh channel for every check, and what checks do with it."""

    harness: ClassVar[type[Harness]]
    role: ClassVar[RoleName]
    fills = frozenset({"harness"})
    channel: Harness
    _made: list[AnyRole]

    @pytest.fixture(autouse=True)
    def _fresh_channel(self, request: pytest.FixtureRequest) -> Iterator[None]:
        if not hasattr(self, "harness"):
            unfilled(type(self).__name__, "harness")
        reason = self.why_not(request.node.name)
        if reason is not None:  # without the plugin; with it, such a check is not even selected
            pytest.skip(f"does not apply: {reason}")
        self._node, self._made = request.node, []
        self.channel = self.harness(request)
        self.channel.start()
        try:
            yield
        finally:
            # One check says that closing hangs or fails; the others must not say it over again.
            wait([background(role.close) for role in self._made], _CLOSING)
            self.channel.stop()

    @classmethod
    def why_not(cls, check: str) -> str | None:
        """Why the capabilities of the role make a check pointless; None if they do not."""
        method = getattr(cls, check.partition("[")[0], None)
        applies = getattr(method, "applies", None)
        if applies is None or applies(cls.spec().capabilities):
            return None
        return str(getattr(method, "otherwise", ""))

    @classmethod
    def about(cls) -> tuple[str, str]:
        """The role and the name of its backend."""
        return cls.role, cls.harness.backend

    @classmethod
    def spec(cls) -> RoleSpec:
        """What the backend registered for this role."""
        return role_spec(cls.harness.backend, cls.role)

    @property
    def claims(self) -> Capabilities:
        """What the role is registered to be able to do."""
        return self.spec().capabilities

    def opened(self, **more: Any) -> AnyRole:
        """An open role on the fresh channel, closed when the check ends."""
        made: AnyRole = getattr(self.channel, f"make_{self.role}")(**more)
        self._made.append(made)
        return made

    def use(self, role: AnyRole) -> Sequence[object]:
        """Have the role do each thing it is for, once; what it answered."""
        raise NotImplementedError

    def message(self, text: str, **more: Any) -> Message:
        """A message; all of one key, where keys are what keeps messages in order."""
        if self.claims.order is Order.KEY:
            more.setdefault("key", b"one")
        return Message(self.channel.payload(text), **more)

    def note(self, text: str) -> None:
        """Have the summary say something of this check."""
        self._node.user_properties.append(("geowatch_note", text))

    @contextlib.contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """The service broken in this way; ends the check as not proven if it cannot be."""
        context = self.channel.break_with(fault)
        if context is None:
            not_proven(f"{fault}: {type(self.channel).__name__}.break_with does not offer it")
        with context:
            yield

    def raised(self, act: Callable[[], object], fault: Fault) -> GeoWatchError:
        """What `act` raises under a fault, having made sure that it is the right thing."""
        __tracebackhide__ = True
        try:
            act()
        except Exception as error:  # whatever it is, this is what judges it
            return ensure_classified(error, fault)
        raise ConformanceError(
            f"Under {fault} nothing was raised",
            expected=f"a {_expected_class(fault).__name__}",
            fix="Let the error of the service out: who calls must not go on as if all were well.",
        )


def ensure_classified(error: Outcome | Exception, fault: Fault) -> GeoWatchError:
    """Refuse an error that does not say what the fault means.

    Raises:
        ConformanceError: another class, a driver's exception, no ``retry_after``, or no advice.
    """
    __tracebackhide__ = True
    kind, name = _expected_class(fault), type(error).__name__
    if not isinstance(error, GeoWatchError):
        raise ConformanceError(
            f"Under {fault} a {name} came out: {error}",
            expected=f"{kind.__name__}, with what the driver raised as its __cause__",
            fix="Catch the driver's exceptions in _driver.py and `raise … from error`.",
        )
    ensure(
        isinstance(error, kind),
        f"{fault} was called {name}: {error}",
        expected=f"a {kind.__name__}",
        fix="Say of each error of the driver, in _driver.py, whether trying again can help.",
    )
    context = error.__context__
    ensure(
        context is None or isinstance(context, GeoWatchError) or error.__cause__ is not None,
        f"The {name} of {fault} does not say what caused it",
        expected=f"the driver's {type(context).__name__} as its __cause__",
        fix="Write `raise … from error`.",
    )
    ensure(
        bool(error.fix),
        f"The {name} of {fault} gives no advice: {error}",
        expected="what happened, with which value, and what to do about it",
        fix="Give the error a fix=… .",
    )
    if fault.retry_after is not None:
        given = error.retry_after if isinstance(error, RetryableError) else None
        ensure(
            given is not None and abs(given - fault.retry_after) < 1e-6,
            f"The service asked to wait {fault.retry_after:g} s and the error says {given}",
            expected=f"retry_after={fault.retry_after:g}",
            fix="Hand what the service said to RetryableError(retry_after=…).",
        )
    return error


def _expected_class(fault: Fault) -> type[GeoWatchError]:
    return RetryableError if fault.kind == "retryable" else PermanentError
