"""Checks of how a role is opened, closed, and what it leaves behind."""

from __future__ import annotations

import attrs

from geowatch_core.capabilities import Capabilities
from geowatch_core.errors import ClosedError
from geowatch_core.provision import make_codec
from geowatch_core.testing.fault import Fault
from geowatch_core.testing.leftover import Held, left_behind
from geowatch_core.testing.role_kit import RoleKit
from geowatch_core.testing.verdict import ConformanceError, ensure

__all__ = ["RoleLife"]


class RoleLife(RoleKit, kit=True):
    """A role is made cheap, opened once, closed for good, and leaves nothing behind."""

    def test_capabilities_are_those_registered(self) -> None:
        """The class claims what its backend registered, and an open role at most that."""
        role = self.opened()
        ensure(
            type(role).capabilities == self.claims,
            f"{type(role).__name__}.capabilities is not what the backend registered",
            expected=f"{self.claims}",
            fix="Write the Capabilities once, in backend.py, and use that in both places.",
        )
        wider = _wider(role.capabilities, self.claims)
        ensure(
            not wider,
            f"Once open, the {self.role} claims more than was registered: {', '.join(wider)}",
            expected="the registered capabilities, or narrower ones",
            fix="Register the widest that any instance can have; narrow it in _open.",
        )

    def test_a_role_opens_and_closes_once(self) -> None:
        """A second open or close does nothing, and after close nothing works."""
        role = self.opened()
        ensure(
            role.open() is role,
            "A second open() did not return the role",
            expected="the same role, still open",
            fix="Override _open, not open.",
        )
        self.use(role)
        role.close()
        role.close()
        _ensure_closed(role.open, "open() after close()")
        _ensure_closed(lambda: self.use(role), "using it after close()")

    def test_a_role_that_was_not_opened_does_nothing(self) -> None:
        """Making a role does no input or output, using it is refused, closing it harmless."""
        given = self.channel.given(self.role, {})
        options = self.spec().options.read(given)
        before = Held.now()
        role = self.spec().load()(options, name="kit", codec=make_codec(options.codec))
        left = Held.now().beyond(before)
        ensure(
            not left,
            f"Making a {self.role} opened {', '.join(left)}",
            expected="nothing but a Python object",
            fix="Move it from __init__ to _open.",
        )
        _ensure_closed(lambda: self.use(role), "using it before open()")
        role.close()

    def test_nothing_is_left_behind_by_close(self) -> None:
        """A closed role holds no thread, no socket and no file."""
        for _ in range(2):  # what a client sets up once per process and keeps is there by then
            self._use_and_close()
        before = Held.now()
        self._use_and_close()
        left = left_behind(before, self.channel.patience)
        ensure(
            not left,
            f"After close the process still holds {', '.join(left)}",
            expected="what it held before the role was opened",
            fix="Close the client in _close, and join the threads that were started.",
        )

    def test_a_retryable_failure_to_open_can_be_tried_again(self) -> None:
        """A service that does not answer makes open raise RetryableError; the next try works."""
        fault = Fault(at="open")
        with self.broken(fault):
            self.raised(self.opened, fault)
        self.use(self.opened())

    def test_a_permanent_failure_to_open_is_said(self) -> None:
        """A service that refuses makes open raise PermanentError."""
        fault = Fault(at="open", kind="permanent")
        with self.broken(fault):
            self.raised(self.opened, fault)

    def _use_and_close(self) -> None:
        role = self.opened()
        self.use(role)
        role.close()
        self._made.remove(role)


def _ensure_closed(act: object, what: str) -> None:
    """Refuse anything but a ClosedError."""
    __tracebackhide__ = True
    try:
        act()  # type: ignore[operator]  # a function of no arguments, whatever it returns
    except ClosedError:
        return
    except Exception as error:
        raise ConformanceError(
            f"{what} raised {type(error).__name__}: {error}",
            expected="a ClosedError",
            fix="Leave open, close and the public methods as core has them.",
        ) from error
    raise ConformanceError(
        f"{what} raised nothing",
        expected="a ClosedError",
        fix="Leave open, close and the public methods as core has them; fill _open and _close.",
    )


def _wider(open_: Capabilities, registered: Capabilities) -> list[str]:
    """What an open role claims beyond what was registered."""
    wider = []
    for field in attrs.fields(Capabilities):
        now, then = getattr(open_, field.name), getattr(registered, field.name)
        if now == then or _narrower(field.name, now, then):
            continue
        wider.append(f"{field.name} = {now} (registered {then})")
    return wider


def _narrower(name: str, now: object, then: object) -> bool:
    """Whether `now` promises less than `then`."""
    if isinstance(then, bool):
        return then
    if name.startswith("max_"):
        return isinstance(now, int) and (then is None or (isinstance(then, int) and now < then))
    # Which kinds of settlement and order are less than others depends on who reads them.
    return name == "redelivers_after" or str(now) == "none"
