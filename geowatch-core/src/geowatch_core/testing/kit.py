"""What all kits have in common: which checks apply, and that none is weakened in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import attrs

__all__ = ["Deviation", "Kit", "deviates", "when"]

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen
class Deviation:
    """A check that a backend's author replaced, and why."""

    check: str
    reason: str


def deviates(check: str, *, reason: str) -> Callable[[F], F]:
    """Mark a method that replaces a check of the kit. The summary shows every deviation.

    Args:
        check: the name of the check, which is that of the method too.
        reason: why the backend cannot do what the check asks, and what it does instead.
    """
    if not reason.strip():
        raise TypeError(f'deviates("{check}") gives no reason. Say why the check is replaced.')

    def mark(method: F) -> F:
        if method.__name__ != check:
            raise TypeError(
                f'deviates("{check}") stands above {method.__name__}. Name the method {check}.'
            )
        method.deviation = Deviation(check, reason)  # type: ignore[attr-defined]
        return method

    return mark


def when(applies: Callable[[Any], bool], otherwise: str) -> Callable[[F], F]:
    """A check that applies to some roles only.

    Args:
        applies: told the `Capabilities` that the role is registered with, whether it does.
        otherwise: why it does not, in a few words.
    """

    def mark(method: F) -> F:
        method.applies = applies  # type: ignore[attr-defined]
        method.otherwise = otherwise  # type: ignore[attr-defined]
        return method

    return mark


class Kit:
    """Base of every kit; its methods named ``test_…`` are the checks.

    A subclass fills in what ``fills`` names and adds checks of its own. Anything else of the kit it
    may replace only under `deviates`.
    """

    fills: ClassVar[frozenset[str]] = frozenset()
    subject: ClassVar[str] = ""

    def __init_subclass__(cls, *, kit: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._of_the_kit = kit
        if not kit:
            for name in cls._kit_names():
                _refuse_silent_override(cls, name)

    _of_the_kit: ClassVar[bool] = True

    @classmethod
    def why_not(cls, check: str) -> str | None:
        """Why a check does not apply to what this class tests; None if it does."""
        return None

    @classmethod
    def about(cls) -> tuple[str, str]:
        """What this class tests: the kind of thing and its name, for the summary."""
        return "", cls.__name__

    @classmethod
    def _kit_names(cls) -> Iterator[str]:
        """The names that the kit itself defines and that are not for the author to fill."""
        for base in cls.__mro__:
            if _is_kit(base):
                yield from (n for n in vars(base) if not n.startswith("__") and n not in cls.fills)


def _is_kit(cls: type) -> bool:
    return bool(vars(cls).get("_of_the_kit"))


def _refuse_silent_override(cls: type[Kit], name: str) -> None:
    owner = next(base for base in cls.__mro__ if name in vars(base))
    if _is_kit(owner) or name == "_of_the_kit":
        return
    deviation = getattr(vars(owner)[name], "deviation", None)
    if not isinstance(deviation, Deviation):
        raise TypeError(
            f"{owner.__name__} replaces {name} of the conformance kit in silence. Give your own "
            f"check another name; or, if the backend cannot pass, say so above the method: "
            f'@deviates("{name}", reason="…"), which the summary of the test run will show.'
        )
