"""From the name of a backend to an open consumer, producer or store."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, overload

from geowatch_core.backend import ROLES, AnyRole, Backend, RoleFactory, RoleName, RoleSpec
from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.duplex import Duplex
from geowatch_core.errors import (
    BrokenBackendError,
    Mistake,
    OptionsError,
    RetryableError,
    UnknownNameError,
)
from geowatch_core.options import Options, nearest, read
from geowatch_core.producer import Producer
from geowatch_core.registry import BACKENDS, REGISTRY
from geowatch_core.store import Store

__all__ = [
    "make_codec",
    "provision",
    "provision_consumer",
    "provision_duplex",
    "provision_producer",
    "provision_store",
    "role_spec",
]

_log = logging.getLogger(__name__)

CodecLike = str | Mapping[str, Any] | Codec


@overload
def provision(backend: str, role: Literal["consumer"], **options: Any) -> Consumer: ...
@overload
def provision(backend: str, role: Literal["producer"], **options: Any) -> Producer: ...
@overload
def provision(backend: str, role: Literal["store"], **options: Any) -> Store: ...
@overload
def provision(backend: str, role: Literal["duplex"], **options: Any) -> Duplex: ...


def provision(backend: str, role: RoleName | Literal["duplex"], **options: Any) -> AnyRole | Duplex:
    """An open consumer, producer or store of an installed backend.

    Opening is tried ``max_tries`` times, ``sleep_period`` seconds apart, as long as the service
    does not answer; what it refuses for good is not tried again.

    Args:
        backend: the name of an installed backend, such as ``"kafka"``.
        role: consumer, producer, store, or duplex for a consumer and producer of the same options.
        **options: the options of that role: ``geowatch-core schema`` lists them all.

    Raises:
        UnknownNameError: no such backend, role or codec.
        OptionsError: lists every mistake in the options.
        RetryableError: the service did not answer, however often it was tried.
        PermanentError: the service refused.
    """
    if role == "duplex":
        return provision_duplex(backend, **options)
    spec = role_spec(backend, role)
    parsed = read(spec.options, options)
    factory = _loaded(backend, role, spec)
    name = parsed.name or default_name(backend, parsed)
    made = factory(parsed, name=name, codec=make_codec(parsed.codec))
    _open(made, parsed)
    return made


def provision_consumer(backend: str, **options: Any) -> Consumer:
    """``provision(backend, "consumer", **options)``."""
    return provision(backend, "consumer", **options)


def provision_producer(backend: str, **options: Any) -> Producer:
    """``provision(backend, "producer", **options)``."""
    return provision(backend, "producer", **options)


def provision_store(backend: str, **options: Any) -> Store:
    """``provision(backend, "store", **options)``."""
    return provision(backend, "store", **options)


def provision_duplex(backend: str, **options: Any) -> Duplex:
    """A consumer and a producer of the same options, as one node."""
    consumer = provision_consumer(backend, **options)
    try:
        return Duplex(consumer=consumer, producer=provision_producer(backend, **options))
    except BaseException:
        consumer.close()
        raise


def role_spec(backend: str, role: RoleName) -> RoleSpec:
    """What an installed backend offers for a role.

    Raises:
        UnknownNameError: no such backend, or it does not play that role.
    """
    found = REGISTRY.backend(backend)
    if role not in found.roles:
        raise UnknownNameError(_no_role(found, role), got=role, fix=_roles_known(found, role))
    return found.roles[role]


def default_name(backend: str, options: Options) -> str:
    """What a role is called that was not given a name, such as ``kafka:quakes``."""
    return f"{backend}:{options.label}" if options.label else backend


def make_codec(given: CodecLike, place: str = "codec") -> Codec:
    """A codec from its name, from a table with its name and options, or as it is.

    Raises:
        UnknownNameError: no such codec.
        OptionsError: wrong options, or something that is no codec.
    """
    if isinstance(given, Codec):
        return given
    if isinstance(given, str):
        given = {"name": given}
    if not (isinstance(given, Mapping) and isinstance(given.get("name"), str)):
        fix = 'Write codec = "json", or a table with its name and options.'
        raise OptionsError("This codec cannot be used", [Mistake(place, "is not a codec", fix)])
    options = {key: value for key, value in given.items() if key != "name"}
    return read(REGISTRY.codec(given["name"]), options, place)


def _no_role(backend: Backend, role: str) -> str:
    return f"The backend {backend.name} plays no such role" if role in ROLES else "No such role"


def _roles_known(backend: Backend, role: str) -> str:
    if role in ROLES:
        return f"It can be a {' or '.join(backend.roles)}."
    return nearest(role, [*ROLES, "duplex"])


def _loaded(backend: str, role: str, spec: RoleSpec) -> RoleFactory:
    try:
        return spec.load()
    except (ImportError, AttributeError) as error:
        raise BrokenBackendError(
            f"The {role} of {backend} failed to import: {type(error).__name__}: {error}",
            got=spec.factory,
            fix=f"Reinstall {REGISTRY.distribution(BACKENDS, backend)}.",
        ) from error


def _open(role: AnyRole, options: Options) -> None:
    for attempt in range(1, options.max_tries + 1):
        try:
            role.open()
        except RetryableError as error:
            if attempt == options.max_tries:
                raise
            _say(options, f"{role.name}: try {attempt} of {options.max_tries} failed: {error}")
            time.sleep(options.sleep_period)
        else:
            _say(options, f"{role.name}: open")
            return


def _say(options: Options, text: str) -> None:
    """Log it; and since ``verbose`` was asked for in so many words, never to nowhere."""
    if options.verbose and not _log.hasHandlers():
        print(text, file=sys.stderr)  # noqa: T201 - what verbose asks for
    else:
        _log.log(logging.INFO if options.verbose else logging.DEBUG, text)
