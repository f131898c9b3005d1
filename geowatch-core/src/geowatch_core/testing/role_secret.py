"""A check that secrets are never shown, on any path."""

from __future__ import annotations

import base64
import contextlib
import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
import pytest

from geowatch_core.options import Options, fields
from geowatch_core.secret import Secret
from geowatch_core.testing.fault import Fault, Kind, Stage
from geowatch_core.testing.role_kit import RoleKit
from geowatch_core.testing.verdict import ensure, not_proven

__all__ = ["RoleSecret", "is_secret"]

_STAGES: dict[str, tuple[Stage, ...]] = {
    "consumer": ("open", "consume", "ack", "nack"),
    "producer": ("open", "deliver"),
    "store": ("open", "write", "read"),
}
_KINDS: tuple[Kind, ...] = ("retryable", "permanent")


class RoleSecret(RoleKit, kit=True):
    """Secrets are never in a repr, a log line or an error."""

    told: ClassVar[str] = "a secret that shows as ***"

    def test_secrets_are_never_shown(
        self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """No repr, error, traceback, log line at DEBUG or output shows a planted secret."""
        canaries = self._canaries()
        with _everything_logged(caplog):
            seen = self._shown_by_use()
            for stage in _STAGES[self.role]:
                for kind in _KINDS:
                    seen |= self._shown_by_fault(Fault(at=stage, kind=kind))
            seen |= self._shown_by_wrong_options(canaries)
        captured = capfd.readouterr()
        seen["a log line"] = caplog.text
        seen["the output"] = captured.out + captured.err
        for name, canary in canaries.items():
            coded = base64.b64encode(canary.encode()).decode().rstrip("=")
            for place, text in seen.items():
                ensure(
                    canary not in text and coded not in text,
                    f"The secret of the option {name} can be read in {place}",
                    expected=self.told,
                    fix="Give the option converter=Secret and call reveal() only where the client "
                    "takes it; strip it from what the client raises and logs.",
                )

    @classmethod
    def why_not(cls, check: str) -> str | None:
        """As for every role; and a role without secrets has none to show."""
        if check == cls.test_secrets_are_never_shown.__name__ and not cls._secret_options():
            return "it has no secret options"
        return super().why_not(check)

    @classmethod
    def _secret_options(cls) -> list[str]:
        return [name for name, field in fields(cls.spec().options).items() if is_secret(field)]

    def _canaries(self) -> Mapping[str, str]:
        secret = self._secret_options()
        planted = self.channel.secrets()
        mine = {n: text for n, text in planted.items() if n in fields(self.spec().options)}
        lacking = sorted(set(secret) - set(mine))
        if lacking:
            not_proven(
                f"that {', '.join(lacking)} stays secret: {type(self.channel).__name__}.secrets "
                "plants nothing there"
            )
        return mine

    def _shown_by_use(self) -> dict[str, str]:
        options = self.spec().options.read(self.channel.given(self.role, {}))
        seen = {"repr(options)": repr(options), "str(options)": str(options)}
        role = self.opened()
        self.use(role)
        role.close()
        return seen | {f"repr({self.role})": repr(role), f"the {self.role}'s name": role.name}

    def _shown_by_fault(self, fault: Fault) -> dict[str, str]:
        """What is shown where the service fails; nothing if it cannot be made to."""
        context = self.channel.break_with(fault)
        if context is None:
            return {}
        role = None if fault.at == "open" else self.opened()
        try:
            with context:
                answers = self.use(role or self.opened())
        except Exception as error:
            return _shown(error, f"the error of {fault}")
        errors = [answer for answer in answers if isinstance(answer, Exception)]
        return _shown(errors[0], f"the outcome under {fault}") if errors else {}

    def _shown_by_wrong_options(self, canaries: Mapping[str, str]) -> dict[str, str]:
        """What is shown where a secret stands in the wrong place, or beside a mistake."""
        given = self.channel.given(self.role, {})
        attempts: list[dict[str, Any]] = [{**given, "no_such_option": True}]
        for name, canary in canaries.items():
            attempts += [{**given, f"{name}x": canary}, {**given, name: [canary]}]
        seen: dict[str, str] = {}
        for number, attempt in enumerate(attempts):
            try:
                options: Options = self.spec().options.read(attempt)
            except Exception as error:
                seen |= _shown(error, f"the error of wrong options ({number})")
            else:
                seen[f"repr of wrong options ({number})"] = repr(options)
        return seen


def is_secret(field: attrs.Attribute[Any]) -> bool:
    """Whether what an option holds is a Secret."""
    convert: Any = field.converter
    if convert is None:
        return False
    try:
        return isinstance(convert("text"), Secret)
    except (TypeError, ValueError):
        return False


@contextlib.contextmanager
def _everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Every logger there is at DEBUG, those that a client keeps to itself too."""
    names = [n for n, logger in logging.root.manager.loggerDict.items() if _is_own(logger)]
    with contextlib.ExitStack() as stack:
        for name in (None, *names):
            stack.enter_context(caplog.at_level(logging.DEBUG, name))
        yield


def _is_own(logger: object) -> bool:
    return isinstance(logger, logging.Logger) and logger.level > logging.DEBUG


def _shown(error: BaseException, place: str) -> dict[str, str]:
    """Whatever of an error may be printed: itself, its causes, and what it carries."""
    seen = {place: "".join(traceback.format_exception(error))}
    link: BaseException | None = error
    while link is not None:
        seen[f"{place}, {type(link).__name__}"] = f"{link!r} {vars(link)!r}"
        link = link.__cause__ or link.__context__
    return seen
