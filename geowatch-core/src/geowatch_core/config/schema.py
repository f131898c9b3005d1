"""The JSON Schema of a configuration, assembled from the options of what is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import attrs

from geowatch_core import filter as filters
from geowatch_core.backend import Backend, RoleName
from geowatch_core.codec import Codec
from geowatch_core.config.options import BROKER_KEYS, SHARED_KEYS, BrokerOptions
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.flow.retry import Retry
from geowatch_core.options import schema
from geowatch_core.registry import REGISTRY

__all__ = ["Assembled", "config_schema"]

T = TypeVar("T")
Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ENVIRONMENT: Final = {"$ref": "#/$defs/environment"}
_ROLE_OF: Final[Mapping[str, RoleName]] = {
    "consumers": "consumer",
    "producers": "producer",
    "stores_in": "store",
    "stores_out": "store",
}


@attrs.frozen
class Assembled:
    """A schema, and what is not in it.

    Attributes:
        schema: the JSON Schema, draft 2020-12.
        left_out: by its name, why a backend or a codec that is installed is not in it.
    """

    schema: Schema
    left_out: dict[str, Exception]


def config_schema() -> Assembled:
    """The JSON Schema of a configuration, with everything that is installed.

    It refuses unknown keys and wrong types, and takes all that ``check`` takes. It requires no
    option, as each may come from ``defaults``, except ``backend``.
    """
    left_out: dict[str, Exception] = {}
    backends = _usable(REGISTRY.backend_names(), _backend, left_out)
    codecs = _usable(REGISTRY.codec_names(), _codec_class, left_out)
    broker = _broker()
    shared = {key: broker["properties"][key] for key in SHARED_KEYS}
    definitions = {
        "environment": {
            "type": "string",
            "pattern": r"\$\{[^}]+\}",
            "description": "Text that an environment variable is put in, to be read as what the "
            "option is.",
        },
        **filters.schema()["$defs"],
        "codec": _codec(codecs),
        "broker": broker,
        "defaults": _defaults(shared, backends),
        **_roles(backends),
    }
    whole = _object(
        {
            "brokers": {"type": "array", "items": {"$ref": "#/$defs/broker"}, "minItems": 1},
            "defaults": {"$ref": "#/$defs/defaults"},
        }
    )
    alone = _object({**broker["properties"], "defaults": {"$ref": "#/$defs/defaults"}})
    found = {
        "$schema": _DIALECT,
        "title": "GeoWatch configuration",
        "if": {"required": ["brokers"]},
        "then": whole,
        "else": alone,
        "$defs": definitions,
    }
    return Assembled(found, left_out)


def _usable(
    names: Iterable[str], load: Callable[[str], T], left_out: dict[str, Exception]
) -> list[T]:
    """What loads and can be described. What a stranger wrote may raise anything."""
    loaded = []
    for name in names:
        try:
            loaded.append(load(name))
        except Exception as error:
            left_out[name] = error
    return loaded


def _backend(name: str) -> Backend:
    backend = REGISTRY.backend(name)
    for spec in backend.roles.values():
        schema(spec.options)
    return backend


def _codec_class(name: str) -> type[Codec]:
    codec = REGISTRY.codec(name)
    schema(codec)
    return codec


def _object(properties: Mapping[str, Any], required: Iterable[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _options(cls: type[Any]) -> Schema:
    """The properties of an options class, each of which may come from the environment."""
    return {name: _or_environment(one) for name, one in schema(cls)["properties"].items()}


def _or_environment(described: Schema) -> Schema:
    about: Schema = {key: described[key] for key in ("description", "default") if key in described}
    rest = {key: value for key, value in described.items() if key not in about}
    if not rest or rest == {"type": "string"} or "writeOnly" in rest:
        return described  # takes every text already
    return {"anyOf": [rest, _ENVIRONMENT], **about}


def _broker() -> Schema:
    properties = _options(BrokerOptions)

    def described(key: str, by: Schema) -> None:
        properties[key] = {**by, "description": properties[key]["description"]}

    for key, role in _ROLE_OF.items():
        described(key, {"type": "array", "items": {"$ref": f"#/$defs/{role}"}})
    described("duplex", {"type": "array", "items": {"$ref": "#/$defs/duplex"}})
    dead = [{"$ref": "#/$defs/dead_letter"}, {"type": "null"}]
    described("dead_letter", {"anyOf": dead})
    described("filter", {"anyOf": [{"$ref": "#/$defs/filter"}, {"type": "null"}]})
    described("retry", _object(_options(Retry)))
    once = _options(Deduplicate)
    once["shared"] = {"$ref": "#/$defs/store", "description": once["shared"]["description"]}
    same = _object(once)
    described("deduplicate", {"anyOf": [{"type": "boolean"}, same, _ENVIRONMENT]})
    return _object({key: properties[key] for key in BROKER_KEYS})


def _codec(codecs: Iterable[type[Codec]]) -> Schema:
    found = list(codecs)
    tables = [
        _object({"name": {"const": codec.name}, **_options(codec)}, ["name"]) for codec in found
    ]
    names = {"enum": [codec.name for codec in found]}
    return {"anyOf": [names, *tables, _ENVIRONMENT]}


def _defaults(shared: Mapping[str, Any], backends: Iterable[Backend]) -> Schema:
    found = list(backends)
    by_backend = {backend.name: _object(_of_any_role(backend)) for backend in found}
    for_all: Schema = {}
    for backend in found:
        for name, one in _of_any_role(backend).items():
            _either(for_all, name, one)
    return _object({**shared, "roles": _object(for_all), "backends": _object(by_backend)})


def _of_any_role(backend: Backend) -> Schema:
    properties: Schema = {}
    for role in backend.roles:
        for name, one in _role_options(backend, role).items():
            _either(properties, name, one)
    return properties


def _either(properties: Schema, name: str, one: Schema) -> None:
    """Add a property; where there is one of that name already, either will do."""
    known = properties.setdefault(name, one)
    choices = known.get("anyOf", []) if set(known) == {"anyOf"} else [known]
    if one not in choices:
        properties[name] = {"anyOf": [*choices, one]}


def _role_options(backend: Backend, role: RoleName) -> Schema:
    found = _options(backend.roles[role].options)
    found["codec"] = {"$ref": "#/$defs/codec", "description": found["codec"]["description"]}
    return found


def _roles(backends: Iterable[Backend]) -> Schema:
    """For each role, an entry: the backend, and by that the options."""
    found = list(backends)
    entries: dict[str, dict[str, Schema]] = {
        role: {b.name: _role_options(b, role) for b in found if role in b.roles}
        for role in ("consumer", "producer", "store")
    }
    consumers, producers, stores = entries.values()
    entries["duplex"] = {
        name: {**producers[name], **own} for name, own in consumers.items() if name in producers
    }
    entries["dead_letter"] = {**stores, **producers}
    return {role: _entry(by_name) for role, by_name in entries.items()}


def _entry(by_name: Mapping[str, Schema]) -> Schema:
    cases = [
        {
            "if": {"properties": {"backend": {"const": name}}},
            "then": _object({"backend": {"const": name}, **properties}),
        }
        for name, properties in by_name.items()
    ]
    return {
        "type": "object",
        "required": ["backend"],
        "properties": {"backend": {"anyOf": [{"enum": list(by_name)}, _ENVIRONMENT]}},
        **({"allOf": cases} if cases else {}),
    }
