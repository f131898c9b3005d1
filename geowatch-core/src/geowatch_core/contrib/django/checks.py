"""What Django's system checks find in the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core import checks

from geowatch_core.config import check_config
from geowatch_core.contrib.django.configuration import CALLED, configuration
from geowatch_core.errors import Mistake, OptionsError
from geowatch_core.options import nearest

__all__ = ["check_settings"]

_OURS = {
    "GEOWATCH_BROKERS",
    "GEOWATCH_ENABLED",
    "GEOWATCH_HOST",
    "GEOWATCH_KAFKA_HOST",
    "GEOWATCH_KINESIS_REGION",
    "GEOWATCH_STREAMING_BACKEND",
    "GEOWATCH_TOPIC_PREFIX",
}
_RENAMED = {
    "GEOWATCH_BROKERS_CRON": "Rename it GEOWATCH_BROKERS, and run it with "
    "manage.py geowatch run --max-cycle 1.",
}


def check_settings(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Every mistake in the brokers of the settings, with its place. Connects to nothing.

    ====================  ==========================================================================
    ``geowatch.E001``     a mistake in ``GEOWATCH_BROKERS``
    ``geowatch.E002``     a consumer of ``django-outbox`` names a database that is not there
    ``geowatch.W001``     a setting that begins with ``GEOWATCH_`` and that nothing reads
    ====================  ==========================================================================
    """
    return [*_mistakes(), *_unread()]


def _mistakes() -> Iterator[checks.CheckMessage]:
    try:
        config = configuration()
        found = check_config(config).mistakes if config else ()
    except OptionsError as error:
        config, found = {}, error.mistakes
    for mistake in found:
        yield checks.Error(_sentence(mistake), hint=mistake.fix or None, id="geowatch.E001")
    for place, name in _databases(config.get("brokers", ()), "brokers"):
        what = f"{CALLED}: {place}.using: {name!r} is not in DATABASES."
        yield checks.Error(what, hint=nearest(name, settings.DATABASES), id="geowatch.E002")


def _sentence(mistake: Mistake) -> str:
    place = f" {mistake.place}:" if mistake.place else ""
    return f"{CALLED}:{place} {mistake.what}."


def _databases(part: Any, place: str) -> Iterator[tuple[str, str]]:
    """The databases that consumers of the outbox name and the project has not, and where."""
    if isinstance(part, Mapping):
        using = part.get("using", "default")
        outbox = part.get("backend") == "django-outbox"
        if outbox and isinstance(using, str) and using not in settings.DATABASES:
            yield place, using
        for key, value in part.items():
            yield from _databases(value, f"{place}.{key}")
    elif isinstance(part, list | tuple):
        for index, value in enumerate(part):
            yield from _databases(value, f"{place}[{index}]")


def _unread() -> Iterator[checks.CheckMessage]:
    for name in dir(settings):
        if name.startswith("GEOWATCH_") and name not in _OURS:
            hint = _RENAMED.get(name) or nearest(name, _OURS)
            yield checks.Warning(
                f"Nothing reads the setting {name}.", hint=hint, id="geowatch.W001"
            )
