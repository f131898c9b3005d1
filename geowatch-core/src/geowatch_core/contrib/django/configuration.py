"""The configuration that a project's settings hold.

``GEOWATCH_BROKERS`` is what ``brokers`` is in a file: a list of tables. Or it is the whole mapping,
with ``brokers`` and ``defaults``. The settings of geowatch-django, of 2015, fill in the options of
the backends that these tables name, wherever nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings

from geowatch_core.backend import Backend
from geowatch_core.contrib.django.legacy import today
from geowatch_core.errors import ConfigurationError, Mistake, OptionsError
from geowatch_core.options import fields
from geowatch_core.registry import REGISTRY

__all__ = ["CALLED", "LEGACY", "configuration", "enabled", "inherited", "options_for"]

CALLED: Final = "settings.GEOWATCH_BROKERS"

_KAFKA: Final = ("kafka",)
_AWS: Final = ("kinesis", "sqs", "sns", "s3")
LEGACY: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "GEOWATCH_HOST": ("host", _KAFKA),
    "GEOWATCH_KAFKA_HOST": ("host", _KAFKA),
    "GEOWATCH_KINESIS_REGION": ("aws_region", _AWS),
    "AWS_REGION": ("aws_region", _AWS),
    "AWS_ACCESS_KEY_ID": ("aws_access_key_id", _AWS),
    "AWS_SECRET_ACCESS_KEY": ("aws_secret_access_key", _AWS),
    "GEOWATCH_TOPIC_PREFIX": ("topic_prefix", ()),
}
"""By setting: the option that it fills in, and of which backends; of all that have it, if none."""


def enabled() -> bool:
    """Whether the project wants its brokers run: ``GEOWATCH_ENABLED``, which is true if not set."""
    return bool(getattr(settings, "GEOWATCH_ENABLED", True))


def configuration() -> Mapping[str, Any]:
    """The brokers of the settings, with their defaults; empty where there are none.

    Raises:
        OptionsError: the setting is neither a list of tables nor a table.
    """
    given = getattr(settings, "GEOWATCH_BROKERS", ())
    if not given:
        return {}
    if isinstance(given, Mapping):
        config = dict(given)
    elif isinstance(given, list | tuple):
        config = {"brokers": list(given)}
    else:
        fix = "Write a list of tables, each as [[brokers]] in a .toml file."
        raise OptionsError(f"{CALLED} cannot be used", [Mistake("", "is not a list", fix)])
    if isinstance(config.get("brokers"), list | tuple):
        config["brokers"] = [today(table) for table in config["brokers"]]
    defaults = config.get("defaults", {})
    if isinstance(defaults, Mapping):  # what it is instead, the check of the whole reports
        config["defaults"] = _with_inherited(defaults, set(_named(config.get("brokers"))))
    return config


def options_for(backend: str | None, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A backend and the options for a role of it: what is given, over what the settings say.

    Raises:
        ConfigurationError: no backend was given, and the settings name none either.
    """
    chosen = backend or getattr(settings, "GEOWATCH_STREAMING_BACKEND", None)
    if not chosen:
        fix = "Name a backend, or set GEOWATCH_STREAMING_BACKEND."
        raise ConfigurationError("There is no backend to provision", got=backend, fix=fix)
    return chosen, {**inherited(REGISTRY.backend(chosen)), **given}


def inherited(backend: Backend) -> dict[str, Any]:
    """What the settings of 2015 say of the options of a backend."""
    known = {name for spec in backend.roles.values() for name in fields(spec.options)}
    return {
        option: getattr(settings, setting)
        for setting, (option, backends) in LEGACY.items()
        if option in known
        and backend.name in (backends or (backend.name,))
        and getattr(settings, setting, None) is not None
    }


def _with_inherited(defaults: Mapping[str, Any], backends: set[str]) -> dict[str, Any]:
    of_backends = defaults.get("backends", {})
    if not isinstance(of_backends, Mapping):
        return dict(defaults)
    filled = dict(of_backends)
    for name in sorted(backends):
        own = filled.get(name, {})
        try:
            found = inherited(REGISTRY.backend(name))
        except ConfigurationError:  # what is wrong with it, the check of the whole reports
            continue
        # Options that every role may be given are nearer than what was inherited.
        nearer = defaults.get("roles", {})
        found = {
            k: v for k, v in found.items() if not isinstance(nearer, Mapping) or k not in nearer
        }
        if found and isinstance(own, Mapping):
            filled[name] = {**found, **own}
    return {**defaults, "backends": filled} if filled else dict(defaults)


def _named(part: Any) -> Iterator[str]:
    """The backends that a configuration names, anywhere in it."""
    if isinstance(part, Mapping):
        if isinstance(part.get("backend"), str):
            yield part["backend"]
        part = list(part.values())
    if isinstance(part, list | tuple):
        for each in part:
            yield from _named(each)
