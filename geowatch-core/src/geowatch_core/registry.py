"""Which backends and codecs are installed, found through entry points and loaded by name."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pluggy

from geowatch_core import hookspec
from geowatch_core.backend import API_VERSION, Backend
from geowatch_core.codec import Codec
from geowatch_core.errors import (
    BrokenBackendError,
    DuplicateNameError,
    IncompatibleBackendError,
    UnknownNameError,
)
from geowatch_core.options import guess

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint, EntryPoints

__all__ = ["BACKENDS", "CODECS", "REGISTRY", "Registry"]

_log = logging.getLogger(__name__)

BACKENDS: Final = "geowatch.backends"
CODECS: Final = "geowatch.codecs"


class Registry:
    """The installed backends and codecs.

    The metadata of installed distributions is read once, when something is first asked for, and
    nothing is imported by it. A backend is imported when it is asked for by name, and no other.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: dict[str, dict[str, list[EntryPoint]]] | None = None
        self._backends: dict[str, Backend] = {}
        self._codecs: dict[str, type[Codec]] = {}

    def backend_names(self) -> list[str]:
        """The names of the installed backends, sorted. Imports none of them."""
        return sorted(self._scanned()[BACKENDS])

    def codec_names(self) -> list[str]:
        """The names of the installed codecs, sorted. Imports none of them."""
        return sorted(self._scanned()[CODECS])

    def distribution(self, group: str, name: str) -> str:
        """The distribution that registers a name, and its version: ``geowatch-kafka 1.2``."""
        return " and ".join(map(_distribution, self._scanned()[group][name]))

    def backend(self, name: str) -> Backend:
        """The backend of that name, imported at the first call.

        Raises:
            UnknownNameError: none is installed; says which are, the nearest, and what to install.
            DuplicateNameError: two distributions claim the name.
            BrokenBackendError: it failed to import or to register; the cause is its exception.
            IncompatibleBackendError: made for another version of the backend API.
        """
        with self._lock:
            if name not in self._backends:
                entry = self._entry(BACKENDS, "backend", name)
                backend = _registered(entry, "geowatch_backend", _is_backend)
                _check_version(entry, backend)
                self._backends[name] = backend
            return self._backends[name]

    def codec(self, name: str) -> type[Codec]:
        """The codec class of that name, imported at the first call.

        Raises:
            UnknownNameError, DuplicateNameError, BrokenBackendError: as for ``backend``.
        """
        with self._lock:
            if name not in self._codecs:
                entry = self._entry(CODECS, "codec", name)
                codecs = _registered(entry, "geowatch_codecs", _are_codecs)
                offered = {codec.name: codec for codec in codecs}
                if name not in offered:
                    raise _broken(entry, f"registers codecs {sorted(offered)}, but not {name!r}")
                self._codecs[name] = offered[name]
            return self._codecs[name]

    def _scanned(self) -> dict[str, dict[str, list[EntryPoint]]]:
        with self._lock:
            if self._entries is None:
                found = _found()
                self._entries = {group: {} for group in (BACKENDS, CODECS)}
                for group, by_name in self._entries.items():
                    for entry in found.select(group=group):
                        by_name.setdefault(entry.name, []).append(entry)
            return self._entries

    def _entry(self, group: str, kind: str, name: str) -> EntryPoint:
        known = self._scanned()[group]
        if name not in known:
            extra = _by_custom(name, chain.from_iterable(known.values()))
            raise UnknownNameError(
                f"No {kind} of this name is installed",
                got=name,
                fix=f"{guess(name, known)}Installed are: {', '.join(sorted(known))}. "
                f"To add it, install its distribution, by custom: pip install {extra}",
            )
        claims = known[name]
        if len(claims) > 1:
            raise DuplicateNameError(
                f"{' and '.join(map(_distribution, claims))} both claim this {kind}",
                got=name,
                fix="Uninstall one of them.",
            )
        return claims[0]


def _found() -> EntryPoints:
    # Imported late: it takes longer to import than all of core.
    from importlib_metadata import EntryPoints, distributions, entry_points

    try:
        return entry_points()
    except Exception:
        # One damaged distribution spoils that call: look at each by itself. What is first on the
        # path counts, as it does there.
        readable: dict[str, EntryPoints] = {}
        for distribution in distributions():
            try:
                readable.setdefault(distribution.name.lower(), distribution.entry_points)
            except Exception as error:
                _log.warning("Left out a distribution whose metadata cannot be read: %r", error)
        return EntryPoints(entry for entries in readable.values() for entry in entries)


def _by_custom(name: str, known: Iterable[EntryPoint]) -> str:
    """What to install: the extra that core offers under this name, or what its author named so."""
    core = next((e.dist for e in known if e.dist and e.dist.name == "geowatch-core"), None)
    extras = core.metadata.get_all("Provides-Extra") if core else None
    return f'"geowatch-core[{name}]"' if name in (extras or ()) else f"geowatch-{name}"


def _distribution(entry: EntryPoint) -> str:
    try:
        return f"{entry.dist.name} {entry.dist.version}"  # type: ignore[union-attr]  # or None
    except Exception:  # it is damaged, but it is not what the error is about
        return "an unnamed distribution"


def _broken(entry: EntryPoint, what: str, cause: BaseException | None = None) -> BrokenBackendError:
    other = ""
    if isinstance(cause, ImportError) and (cause.name or "").partition(".")[0] == "geowatch_core":
        other = "or geowatch-core: one of them is too old for the other"
    return BrokenBackendError(
        f"{_distribution(entry)} {what}",
        got=entry.value,
        fix=f"Upgrade {_distribution(entry)} {other or 'or uninstall it, or tell its author'}.",
    )


def _registered(entry: EntryPoint, hook: str, fits: Callable[[Any], bool]) -> Any:
    """Import the module of an entry point and ask its hook; its distribution is to blame."""
    plugins = pluggy.PluginManager(hookspec.PROJECT)
    plugins.add_hookspecs(hookspec)
    try:
        plugins.register(entry.load())
        plugins.check_pending()
        result = getattr(plugins.hook, hook)()
    except (Exception, SystemExit) as error:
        what = f"failed to load: {type(error).__name__}: {error}"
        raise _broken(entry, what, error) from error
    if not fits(result):
        raise _broken(entry, f"has no hook {hook} that returns what it should")
    return result


def _is_backend(result: Any) -> bool:
    return isinstance(result, Backend)


def _are_codecs(result: Any) -> bool:
    return isinstance(result, Sequence) and all(
        isinstance(one, type) and issubclass(one, Codec) for one in result
    )


def _check_version(entry: EntryPoint, backend: Backend) -> None:
    if backend.name != entry.name:
        raise _broken(entry, f"registers {backend.name!r} under the entry point {entry.name!r}")
    if backend.api_version != API_VERSION:
        old = "geowatch-core" if backend.api_version > API_VERSION else _distribution(entry)
        raise IncompatibleBackendError(
            f"{_distribution(entry)} speaks version {backend.api_version} of the backend API, "
            f"and this geowatch-core version {API_VERSION}",
            got=backend.name,
            fix=f"Upgrade {old}.",
        )


REGISTRY: Final = Registry()
"""The registry of this process."""
