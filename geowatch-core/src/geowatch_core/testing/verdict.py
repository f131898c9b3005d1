"""What a check says: what broke, what was expected, how to fix it; or that it proved nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NoReturn

import pytest

__all__ = ["NOT_PROVEN", "ConformanceError", "ensure", "ensure_same", "not_proven", "shown"]

NOT_PROVEN: Final = "not proven: "
"""How the reason of a check begins that could not be carried out."""

_LONGEST: Final = 60
_MOST: Final = 8


class ConformanceError(AssertionError):
    """A backend or codec breaks a promise.

    Args:
        broke: what broke.
        expected: what was expected instead.
        fix: what the author can do about it.
    """

    def __init__(self, broke: str, *, expected: str, fix: str) -> None:
        super().__init__(f"{broke}\n  expected: {expected}\n  to fix:   {fix}")


def ensure(holds: bool, broke: str, *, expected: str, fix: str) -> None:
    """Refuse what does not hold.

    Raises:
        ConformanceError: it does not.
    """
    __tracebackhide__ = True
    if not holds:
        raise ConformanceError(broke, expected=expected, fix=fix)


def ensure_same(
    got: Iterable[bytes], expected: Iterable[bytes], broke: str, *, fix: str, ordered: bool = False
) -> None:
    """Refuse anything missing, more than once, or never sent; with `ordered` another order too.

    Raises:
        ConformanceError: says which.
    """
    __tracebackhide__ = True
    got, expected = list(got), list(expected)
    missing = Counter(expected) - Counter(got)
    extra = Counter(got) - Counter(expected)
    if missing or extra:
        parts = [f"missing: {shown(missing.elements())}"] if missing else []
        parts += [f"too many or never sent: {shown(extra.elements())}"] if extra else []
        broke = f"{broke} ({'; '.join(parts)})"
        raise ConformanceError(broke, expected=f"exactly {shown(expected)}", fix=fix)
    if ordered and got != expected:
        at = next(i for i, pair in enumerate(zip(got, expected, strict=True)) if pair[0] != pair[1])
        raise ConformanceError(
            f"{broke} (the order changed at index {at}: {shown(got[at:])})",
            expected=f"from there on {shown(expected[at:])}",
            fix=fix,
        )


def not_proven(what: str) -> NoReturn:
    """End a check that has no way to be carried out; it is named in the summary."""
    __tracebackhide__ = True
    pytest.skip(NOT_PROVEN + what)


def shown(values: Iterable[bytes]) -> str:
    """A few values, each cut short: a failure must be readable."""
    texts = [ascii(v if len(v) <= _LONGEST else v[:_LONGEST]) + _cut(v) for v in values]
    more = f", … ({len(texts)} in all)" if len(texts) > _MOST else ""
    return f"[{', '.join(texts[:_MOST])}{more}]"


def _cut(value: bytes) -> str:
    return f"… ({len(value)} bytes)" if len(value) > _LONGEST else ""
