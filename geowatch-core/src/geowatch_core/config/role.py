"""Reads the entries of roles: a backend, and the options of the role that it plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import attrs

from geowatch_core.backend import Backend, RoleName, RoleSpec
from geowatch_core.config.collector import Collector, at
from geowatch_core.errors import OptionsError
from geowatch_core.options import fields, read, within
from geowatch_core.provision import (
    Prepared,
    default_name,
    duplex_options,
    make_codec,
    role_factory,
    role_spec,
)
from geowatch_core.registry import REGISTRY

__all__ = ["RoleReader"]


@attrs.frozen
class _Entry:
    """One entry with its defaults: what each option is, and where that was written."""

    place: str
    backend: str
    specs: Sequence[RoleSpec]
    options: Mapping[str, Any]
    homes: Mapping[str, str]


class RoleReader:
    """Reads entries, with the defaults that they share.

    Args:
        defaults: the table ``defaults`` of the configuration.
        collector: takes the mistakes.
    """

    def __init__(self, defaults: Mapping[str, Any], collector: Collector) -> None:
        self._collector = collector
        self._for_all = self._table(defaults, "roles", "defaults")
        backends = self._table(defaults, "backends", "defaults")
        self._by_backend = {
            name: self._table(backends, name, "defaults.backends") for name in backends
        }
        self._known: set[str] = set()
        self._unresolved = False

    def entries(self, value: Any, role: RoleName, place: str) -> list[Prepared]:
        """The roles that a list asks for."""
        tables = self._collector.tables(value, place, _example(place))
        found = [self._one(table, role, each) for each, table in tables]
        return [one for one in found if one is not None]

    def readable(self, value: Any, place: str) -> list[Prepared]:
        """The stores that a list asks for, to be read."""
        found = []
        for each, table in self._collector.tables(value, place, _example(place)):
            store = self._one(table, "store", each)
            if store is not None:
                found.append(store)
                if not store.spec.capabilities.reads_back:
                    what = f"a store of {table['backend']} cannot read back what it wrote"
                    self._collector.add(at(each, "backend"), what, "Take it for stores_out only.")
        return found

    def duplex(self, value: Any, place: str) -> list[tuple[Prepared, Prepared]]:
        """The nodes that a list asks for, each as its consumer and its producer."""
        tables = self._collector.tables(value, place, _example(place))
        found = [self._node(table, each) for each, table in tables]
        return [node for node in found if node is not None]

    def dead_letter(self, value: Any, place: str) -> Prepared | None:
        """The producer, or for want of one the store, that takes what cannot be delivered."""
        example = 'dead_letter = { backend = "file", path = "dead.jsonl" }'
        table = self._collector.table(value, place, example)
        backend = None if table is None else self._backend(table, place)
        if table is None or backend is None:
            return None
        role: RoleName = "producer" if backend.producer or not backend.store else "store"
        return self._one(table, role, place)

    def window(self, value: Any, place: str) -> Prepared | None:
        """The store that remembers for several brokers what was seen."""
        table = self._collector.table(value, place, 'shared = { backend = "…", key = "seen" }')
        store = None if table is None else self._one(table, "store", place)
        if table is not None and store is not None and not store.spec.capabilities.windows:
            what = f"a store of {table['backend']} cannot remember what was seen"
            self._collector.add(at(place, "backend"), what, "Take one that can, or leave it out.")
        return store

    def finish(self) -> None:
        """Note what is wrong in defaults that no entry has shown."""
        for name, table in self._by_backend.items():
            place = f"defaults.backends.{name}"
            backend = self._collector.attempt(place, REGISTRY.backend, name)
            if backend is not None:
                self._check_defaults(table, backend, place)
        # A backend that is not installed might have known the option.
        if self._known and not self._unresolved:
            what = "is an option of no role in this configuration"
            self._collector.unknown(self._for_all, self._known, "defaults.roles", what)

    def _check_defaults(self, table: Mapping[str, Any], backend: Backend, place: str) -> None:
        known: set[str] = set()
        for spec in backend.roles.values():
            names = fields(spec.options).keys()
            known |= names
            try:
                read(spec.options, {key: table[key] for key in table if key in names})
            except OptionsError as error:  # what is missing, each entry may add
                wrong = [one for one in error.mistakes if one.place.partition(".")[0] in table]
                self._collector.mistakes.extend(within(place, wrong))
        self._collector.unknown(table, known, place, f"is an option of no role of {backend.name}")

    def _table(self, parent: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
        place = at(place, key)
        return self._collector.table(parent.get(key, {}), place, f"[{place}]") or {}

    def _one(self, table: Mapping[str, Any], role: RoleName, place: str) -> Prepared | None:
        entry = self._entry(table, (role,), place)
        return None if entry is None else self._prepared(entry, role, entry.options)

    def _node(self, table: Mapping[str, Any], place: str) -> tuple[Prepared, Prepared] | None:
        entry = self._entry(table, ("consumer", "producer"), place)
        if entry is None:
            return None
        first, second = entry.specs
        mine, theirs = duplex_options(first, second, entry.options)
        consumer = self._prepared(entry, "consumer", mine)
        producer = self._prepared(entry, "producer", theirs)
        return None if consumer is None or producer is None else (consumer, producer)

    def _backend(self, table: Mapping[str, Any], place: str) -> Backend | None:
        place = at(place, "backend")
        name = table.get("backend")
        if isinstance(name, str):
            return self._collector.attempt(place, REGISTRY.backend, name)
        close = [] if name else get_close_matches("backend", map(str, table), n=1)
        hint = f"Did you mean it by {close[0]}? " if close else ""
        what = "is required" if name is None else "is not the name of a backend"
        installed = ", ".join(REGISTRY.backend_names())
        self._collector.add(place, what, f"{hint}Installed are: {installed}.")
        return None

    def _entry(
        self, table: Mapping[str, Any], roles: Sequence[RoleName], place: str
    ) -> _Entry | None:
        backend = self._backend(table, place)
        specs: list[RoleSpec] = []
        for role in roles if backend else ():
            spec = self._collector.attempt(at(place, "backend"), role_spec, table["backend"], role)
            specs += [] if spec is None else [spec]
        if backend is None or len(specs) < len(roles):
            self._unresolved = True
            # What does not depend on the backend is checked all the same.
            codec = at(place, "codec")
            self._collector.attempt(codec, make_codec, table.get("codec", "plain"), codec)
            return None
        return self._with_defaults(table, backend.name, specs, place)

    def _with_defaults(
        self, table: Mapping[str, Any], backend: str, specs: Sequence[RoleSpec], place: str
    ) -> _Entry:
        known = {name for spec in specs for name in fields(spec.options)}
        self._known |= known
        shared = (
            ("defaults.roles", self._for_all),
            (f"defaults.backends.{backend}", self._by_backend.get(backend, {})),
        )
        options: dict[str, Any] = {}
        homes: dict[str, str] = {}
        for home, values in shared:
            applying = {key: value for key, value in values.items() if key in known}
            options |= applying
            homes |= {key: at(home, key) for key in applying}
        self._collector.unknown(table, {"backend", *known}, place, "is not an option here")
        own = {key: value for key, value in table.items() if key in known}
        homes |= {key: at(place, key) for key in own}
        return _Entry(place, backend, specs, options | own, homes)

    def _prepared(self, entry: _Entry, role: RoleName, given: Mapping[str, Any]) -> Prepared | None:
        local = Collector()
        spec = role_spec(entry.backend, role)
        place = at(entry.place, "codec")
        wanted = given.get("codec", fields(spec.options)["codec"].default)
        options = local.attempt(entry.place, read, spec.options, given, entry.place)
        codec = local.attempt(place, make_codec, wanted, place)
        factory = local.attempt(at(entry.place, "backend"), role_factory, entry.backend, role)
        self._collector.moved(entry.place, entry.homes, local.mistakes)
        if options is None or codec is None or factory is None:
            return None
        name = options.name or default_name(entry.backend, options)
        found = Prepared(name=name, spec=spec, options=options, codec=codec, factory=factory)
        # Making one does no input or output, and a backend may refuse what its options do not.
        return None if self._collector.attempt(entry.place, found.make) is None else found


def _example(place: str) -> str:
    key = place.rpartition(".")[2]
    return f'{key} = [{{ backend = "memory", ... }}], or in TOML [[brokers.{key}]]'
