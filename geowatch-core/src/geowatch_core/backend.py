"""What a distribution registers: a name, the roles it plays, their options, their capabilities."""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol

import attrs

from geowatch_core.capabilities import Capabilities
from geowatch_core.codec import Codec
from geowatch_core.consumer import Consumer
from geowatch_core.options import Options
from geowatch_core.producer import Producer
from geowatch_core.store import Store

__all__ = ["API_VERSION", "ROLES", "AnyRole", "Backend", "RoleFactory", "RoleName", "RoleSpec"]

API_VERSION: Final = 1
"""The version of the backend API: the base classes, `Backend` and the hooks."""

RoleName = Literal["consumer", "producer", "store"]
ROLES: Final[tuple[RoleName, ...]] = ("consumer", "producer", "store")
AnyRole = Consumer | Producer | Store


class RoleFactory(Protocol):
    """Makes a role that is not open yet: a `Consumer`, `Producer` or `Store` class."""

    def __call__(self, options: Any, /, *, name: str, codec: Codec) -> AnyRole:
        """A role of these options."""


@attrs.frozen(kw_only=True)
class RoleSpec:
    """One role of a backend.

    Attributes:
        factory: where its class is, as ``"package.module:Class"``; imported when first used, so
            that registering a backend never imports its client.
        options: the class of its options.
        capabilities: what it can do.
    """

    factory: str
    options: type[Options]
    capabilities: Capabilities

    def load(self) -> RoleFactory:
        """Import the class of this role, and with it the backend's client.

        Raises:
            ImportError: the backend or its client cannot be imported.
        """
        import pkgutil

        loaded: RoleFactory = pkgutil.resolve_name(self.factory)
        return loaded


@attrs.frozen(kw_only=True)
class Backend:
    """What a distribution registers under one name.

    Attributes:
        name: the name given to ``provision``; equal to the name of the entry point.
        api_version: the version of the backend API it was written for, as a literal number.
        summary: what it is, in a few words.
        consumer, producer, store: the roles it plays.
    """

    name: str
    api_version: int = attrs.field()
    summary: str
    consumer: RoleSpec | None = None
    producer: RoleSpec | None = None
    store: RoleSpec | None = None

    @api_version.validator
    def _must_be_a_number(self, _: object, value: object) -> None:
        if not isinstance(value, int):
            raise TypeError(f"api_version must be a number, not {value!a}")

    @property
    def roles(self) -> dict[RoleName, RoleSpec]:
        """The roles it plays, by name."""
        specs: dict[RoleName, RoleSpec | None] = {
            "consumer": self.consumer,
            "producer": self.producer,
            "store": self.store,
        }
        return {name: spec for name, spec in specs.items() if spec is not None}
