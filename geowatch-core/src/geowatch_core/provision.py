"""From the name of a backend to an open consumer, producer or store."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, overload

import msgspec

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
from geowatch_core.options import Options, fields, nearest, read
from geowatch_core.producer import Producer
from geowatch_core.registry import BACKENDS, REGISTRY
from geowatch_core.store import Store

__all__ = [
    "Prepared",
    "default_name",
    "duplex_options",
    "make_codec",
    "open_duplex",
    "prepare",
    "provision",
    "provision_consumer",
    "provision_duplex",
    "provision_producer",
    "provision_store",
    "role_factory",
    "role_spec",
]

_log = logging.getLogger(__name__)


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
    opened: AnyRole = prepare(backend, role, options).open()
    return opened


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
    """A consumer and a producer as one node; each gets the options that its role has."""
    specs = role_spec(backend, "consumer"), role_spec(backend, "producer")
    mine, theirs = duplex_options(*specs, options)
    return open_duplex(prepare(backend, "consumer", mine), prepare(backend, "producer", theirs))


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A role whose options are good, and which is not made yet.

    Attributes:
        name: what reports will call it.
        spec: what its backend says of this role.
        options: its options.
        codec: its codec.
        factory: makes it.
    """

    name: str
    spec: RoleSpec
    options: Options
    codec: Codec
    factory: RoleFactory

    def make(self) -> Any:
        """The consumer, producer or store, not open yet. No input or output is done."""
        return self.factory(self.options, name=self.name, codec=self.codec)

    def open(self) -> Any:
        """The open consumer, producer or store; opening is tried as its options say.

        Raises:
            RetryableError: the service did not answer, however often it was tried.
            PermanentError: the service refused.
        """
        made = self.make()
        _open(made, self.options)
        return made


def prepare(backend: str, role: RoleName, options: Mapping[str, Any]) -> Prepared:
    """Everything of ``provision`` that can be wrong before a service is asked.

    Raises:
        UnknownNameError: no such backend, role or codec.
        OptionsError: lists every mistake in the options.
        BrokenBackendError: the backend or its client failed to import.
    """
    spec = role_spec(backend, role)
    parsed = read(spec.options, options)
    return Prepared(
        name=parsed.name or default_name(backend, parsed),
        spec=spec,
        options=parsed,
        codec=make_codec(parsed.codec),
        factory=role_factory(backend, role),
    )


def open_duplex(consumer: Prepared, producer: Prepared) -> Duplex:
    """Both halves of a node, open; if the second fails to open, the first is closed."""
    opened: Consumer = consumer.open()
    try:
        return Duplex(consumer=opened, producer=producer.open())
    except BaseException:
        opened.close()
        raise


def duplex_options(
    consumer: RoleSpec, producer: RoleSpec, options: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options for each half of a node; what neither has stays with the first, to be refused."""
    mine, theirs = fields(consumer.options), fields(producer.options)
    return (
        {key: value for key, value in options.items() if key in mine or key not in theirs},
        {key: value for key, value in options.items() if key in theirs},
    )


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


def make_codec(given: object, place: str = "codec") -> Codec:
    """A codec from its name, from a table with its name and options, or as it is.

    Raises:
        UnknownNameError: no such codec.
        OptionsError: wrong options, or something that is no codec.
    """
    if isinstance(given, Codec):
        return given
    table: Any = {"name": given} if isinstance(given, str) else given
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        fix = 'Write codec = "json", or a table with its name and options.'
        raise OptionsError("This codec cannot be used", [Mistake(place, "is not a codec", fix)])
    options = {key: value for key, value in table.items() if key != "name"}
    return read(REGISTRY.codec(table["name"]), options, place)


def _no_role(backend: Backend, role: str) -> str:
    return f"The backend {backend.name} plays no such role" if role in ROLES else "No such role"


def _roles_known(backend: Backend, role: str) -> str:
    if role in ROLES:
        return f"It can be a {' or '.join(backend.roles)}."
    return nearest(role, [*ROLES, "duplex"])


def role_factory(backend: str, role: RoleName) -> RoleFactory:
    """The class of a role, and with it the backend's client.

    Raises:
        UnknownNameError: no such backend, or it does not play that role.
        BrokenBackendError: the class or the client failed to import.
    """
    spec = role_spec(backend, role)
    try:
        return spec.load()
    except (Exception, SystemExit) as error:
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
            tries = f"try {attempt} of {options.max_tries}"
            _say(options, logging.INFO, f"{role.name}: {tries} failed: {error}")
            time.sleep(options.sleep_period)
        else:
            _say(options, logging.DEBUG, f"{role.name}: open")
            return


def _say(options: Options, level: int, text: str) -> None:
    """Log it; where ``verbose`` was asked for in so many words, at INFO and never to nowhere."""
    level = logging.INFO if options.verbose else level
    if options.verbose and not (_log.hasHandlers() and _log.isEnabledFor(level)):
        print(text, file=sys.stderr)  # noqa: T201 - what verbose asks for
    else:
        _log.log(level, text)
