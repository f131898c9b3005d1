"""Every error GeoWatch raises, in one tree.

.. code-block:: text

    GeoWatchError
    ├── ConfigurationError (ValueError)      what was asked for cannot be built
    │   ├── OptionsError                     one or more options are wrong; ``mistakes`` lists all
    │   ├── UnknownNameError (LookupError)   no backend, role, codec, filter or broker of that name
    │   ├── DuplicateNameError               two distributions claim one name
    │   ├── BrokenBackendError (ImportError) an installed backend failed to import or register
    │   └── IncompatibleBackendError (ImportError)  its API version is not that of core
    ├── CodecError (ValueError)
    │   ├── DecodeError                      bytes that are not what the codec promises
    │   └── EncodeError                      a value that the codec cannot write without loss
    ├── FilterError                          a filter written in Python raised
    ├── TransformError                       a transform or ``process`` raised
    ├── ServiceError                         a channel's service said no
    │   ├── RetryableError (ConnectionError) may succeed later; ``retry_after`` says when
    │   └── PermanentError                   will never succeed as it is
    │       └── TooLargeError (ValueError)   larger than the channel takes
    ├── ClosedError                          used before ``open`` or after ``close``
    ├── AckError                             a settlement that cannot be
    │   └── AlreadySettledError              settled before; names the first outcome
    └── BrokerStoppedError (RuntimeError)    the flow stopped rather than lose a message

Every message has three parts: what happened, with which value, and what to do about it. Driver
exceptions never leak; they are the ``__cause__``.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

__all__ = [
    "AckError",
    "AlreadySettledError",
    "BrokenBackendError",
    "BrokerStoppedError",
    "ClosedError",
    "CodecError",
    "ConfigurationError",
    "DecodeError",
    "DuplicateNameError",
    "EncodeError",
    "FilterError",
    "GeoWatchError",
    "IncompatibleBackendError",
    "Mistake",
    "OptionsError",
    "PermanentError",
    "RetryableError",
    "ServiceError",
    "TooLargeError",
    "TransformError",
    "UnknownNameError",
]

_NOTHING: Final = object()
_LONGEST_VALUE: Final = 200


def _shown(value: object) -> str:
    """``repr`` of `value`, escaped and short: data from outside must not write our log lines."""
    if isinstance(value, str | bytes) and len(value) > _LONGEST_VALUE:
        unit = "chars" if isinstance(value, str) else "bytes"
        return f"{ascii(value[:_LONGEST_VALUE])[:_LONGEST_VALUE]}… ({len(value)} {unit})"
    try:
        text = ascii(value)
    except Exception:  # too many digits, too deep, a broken repr: the error itself matters more
        name = type(value).__name__
        return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} chars)"


def _copied(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """An error with its finished text; calling the class, as by custom, would finish it again."""
    copied = kind.__new__(kind)
    copied.args = args
    return copied


class GeoWatchError(Exception):
    """Base of every error of GeoWatch.

    Args:
        what: what happened.
        got: the value it happened with; shown escaped and shortened.
        fix: what to do about it.
    """

    def __init__(self, what: str, *, got: object = _NOTHING, fix: str = "") -> None:
        self.what = what
        self.fix = fix
        got_text = "" if got is _NOTHING else f" (got {_shown(got)})"
        super().__init__(f"{what}{got_text}.{' ' + fix if fix else ''}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _copied, (type(self), self.args), vars(self)


class ConfigurationError(GeoWatchError, ValueError):
    """What was asked for cannot be built."""


class Mistake(msgspec.Struct, frozen=True):
    """One thing that is wrong in a configuration: where, what, and how to mend it."""

    place: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.what}.{' ' + self.fix if self.fix else ''}"


class OptionsError(ConfigurationError):
    """One or more options are wrong; ``mistakes`` lists every one of them."""

    def __init__(self, what: str, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(what, fix="\n  ".join(["", *map(str, mistakes)]).strip())


class UnknownNameError(ConfigurationError, LookupError):
    """No backend, role, codec, filter or broker of that name."""


class DuplicateNameError(ConfigurationError):
    """Two distributions claim one name; guessing would be wrong half of the time."""


class BrokenBackendError(ConfigurationError, ImportError):
    """An installed backend failed to import or to register."""


class IncompatibleBackendError(ConfigurationError, ImportError):
    """A backend and core speak different versions of the backend API."""


class CodecError(GeoWatchError, ValueError):
    """Bytes or a value that a codec refuses."""


class DecodeError(CodecError):
    """Bytes that are not what the codec promises."""


class EncodeError(CodecError):
    """A value that the codec cannot write without losing some of it."""


class FilterError(GeoWatchError):
    """A filter written in Python raised; the cause is its exception."""


class TransformError(GeoWatchError):
    """A transform or ``Broker.process`` raised; the cause is its exception."""


class ServiceError(GeoWatchError):
    """A channel's service said no, or did not answer."""


class RetryableError(ServiceError, ConnectionError):
    """May succeed later.

    Args:
        retry_after: seconds to wait, where the service said so.
    """

    def __init__(
        self,
        what: str,
        *,
        got: object = _NOTHING,
        fix: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(what, got=got, fix=fix)


class PermanentError(ServiceError):
    """Will never succeed as it is."""


class TooLargeError(PermanentError, ValueError):
    """Larger than the channel takes; the message says the limit in bytes."""


class ClosedError(GeoWatchError):
    """A consumer, producer or store was used before ``open`` or after ``close``."""


class AckError(GeoWatchError):
    """A settlement that cannot be."""


class AlreadySettledError(AckError):
    """A message was settled a second time; the error names the first outcome."""


class BrokerStoppedError(GeoWatchError, RuntimeError):
    """The flow stopped, with nothing acknowledged, rather than skip a message."""
