"""Reads a whole configuration, and finds every mistake in it at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs

from geowatch_core.config.collector import Collector, at
from geowatch_core.config.document import Config, called, load
from geowatch_core.config.environment import Environment
from geowatch_core.config.options import (
    BROKER_KEYS,
    DESTINATIONS,
    SHARED_KEYS,
    SOURCES,
    BrokerOptions,
)
from geowatch_core.config.plan import Plan
from geowatch_core.config.role import RoleReader
from geowatch_core.errors import Mistake, OptionsError
from geowatch_core.filter import parse
from geowatch_core.flow.deduplicate import Deduplicate
from geowatch_core.flow.retry import Retry
from geowatch_core.flow.route import refuse_forgetful, refuse_losing_letters
from geowatch_core.options import read
from geowatch_core.provision import Prepared

__all__ = ["Findings", "find"]

_EXAMPLE = '[[brokers]] in TOML, or {"brokers": [{...}]} in JSON'
_TOP = ("brokers", "defaults")


@attrs.frozen
class Findings:
    """What a configuration asks for, and what is wrong with it.

    Attributes:
        called: what errors call the configuration.
        plans: the brokers that can be made; all of them if there is no mistake.
        mistakes: everything that is wrong.
    """

    called: str
    plans: list[Plan]
    mistakes: list[Mistake]

    def require_ok(self) -> None:
        """Do nothing if there is no mistake.

        Raises:
            OptionsError: lists every mistake.
        """
        if self.mistakes:
            raise OptionsError(f"{self.called} cannot be used", self.mistakes)


def find(config: Config, *, whole: bool = True) -> Findings:
    """Everything in a configuration. Imports the backends it names, and connects to nothing.

    Args:
        config: a mapping, or the path of a file.
        whole: whether a broker must have both a source and a destination.
    """
    try:
        values = load(config)
    except OptionsError as error:
        return Findings(called(config), [], list(error.mistakes))
    environment = Environment(os.environ)
    collector = Collector()
    plans = _Reader(environment.replaced(values), collector, whole=whole).plans()
    found = [*environment.mistakes, *environment.discreet(collector.mistakes)]
    return Findings(called(config), plans, list(dict.fromkeys(found)))


@attrs.frozen
class _Table:
    """One broker with its defaults: what each key is, and where that was written."""

    place: str
    values: Mapping[str, Any]
    homes: Mapping[str, str]

    def home(self, key: str) -> str:
        """Where the value of a key was written, or would be."""
        return self.homes.get(key, at(self.place, key))


class _Reader:
    def __init__(self, values: Mapping[str, Any], collector: Collector, *, whole: bool) -> None:
        self._values = values
        self._collector = collector
        self._whole = whole
        found = values.get("defaults", {})
        self._defaults = collector.table(found, "defaults", "[defaults]") or {}
        self._roles = RoleReader(self._defaults, collector)
        self._names: dict[str, str] = {}

    def plans(self) -> list[Plan]:
        """The brokers that can be made."""
        known = (*SHARED_KEYS, "roles", "backends")
        what = "is not a key that brokers share"
        self._collector.unknown(self._defaults, known, "defaults", what)
        found = [self._plan(table, number) for number, table in enumerate(self._tables(), 1)]
        self._roles.finish()
        return [plan for plan in found if plan is not None]

    def _tables(self) -> list[_Table]:
        return [self._with_defaults(place, table) for place, table in self._written()]

    def _written(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The tables of brokers, with their places."""
        alone = {key: value for key, value in self._values.items() if key not in _TOP}
        if "brokers" in self._values:
            what = "is not a key beside brokers; what they share belongs to defaults"
            self._collector.unknown(alone, _TOP, "", what)
            if self._values["brokers"] == []:
                self._collector.add("brokers", "is empty", f"Write {_EXAMPLE}.")
            return self._collector.tables(self._values["brokers"], "brokers", _EXAMPLE)
        if not alone.keys() & set(BROKER_KEYS):
            self._collector.unknown(alone, (*_TOP, *BROKER_KEYS), "", "is not a key here")
            self._collector.add("brokers", "is required", f"Write {_EXAMPLE}.")
            return []
        return [("", alone)]

    def _with_defaults(self, place: str, table: Mapping[str, Any]) -> _Table:
        shared = {key: value for key, value in self._defaults.items() if key in SHARED_KEYS}
        homes = {key: at("defaults", key) for key in shared}
        homes |= {key: at(place, str(key)) for key in table}
        return _Table(place, shared | dict(table), homes)

    def _plan(self, table: _Table, number: int) -> Plan | None:
        before = len(self._collector.mistakes)
        options = self._options(table)
        plan = self._parts(table, options or BrokerOptions(), number)
        self._check_name(table, number)
        if self._whole:
            self._check_ends(table)
        self._check_loops(plan, table)
        # Only of destinations that are known can be said that all of them forget.
        if len(self._collector.mistakes) == before:
            self._check_keeping(plan, table)
        return plan if options is not None else None

    def _options(self, table: _Table) -> BrokerOptions | None:
        local = Collector()
        options = local.attempt(table.place, read, BrokerOptions, table.values, table.place)
        self._collector.moved(table.place, table.homes, local.mistakes)
        return options

    def _parts(self, table: _Table, options: BrokerOptions, number: int) -> Plan:
        roles, values, home = self._roles, table.values, table.home
        dead = values.get("dead_letter")
        given = values.get("filter")
        where = home("filter")
        once, shared = self._deduplicate(options.deduplicate, values, home("deduplicate"))
        return Plan(
            name=options.name or f"broker-{number}",
            options=options,
            consumers=roles.entries(values.get("consumers", ()), "consumer", home("consumers")),
            producers=roles.entries(values.get("producers", ()), "producer", home("producers")),
            duplex=roles.duplex(values.get("duplex", ()), home("duplex")),
            stores_in=roles.readable(values.get("stores_in", ()), home("stores_in")),
            stores_out=roles.entries(values.get("stores_out", ()), "store", home("stores_out")),
            dead_letter=None if dead is None else roles.dead_letter(dead, home("dead_letter")),
            filter=None
            if given is None
            else self._collector.attempt(where, lambda: parse(given, place=where)),
            retry=self._retry(values.get("retry"), home("retry")),
            deduplicate=once,
            shared=shared,
        )

    def _retry(self, value: Any, place: str) -> Retry:
        if not isinstance(value, Mapping):  # what it is instead was reported with the options
            return Retry()
        return self._collector.attempt(place, read, Retry, value, place) or Retry()

    def _deduplicate(
        self, wanted: Any, values: Mapping[str, Any], place: str
    ) -> tuple[Deduplicate | None, Prepared | None]:
        value = values.get("deduplicate")
        if not isinstance(value, Mapping):
            return (Deduplicate() if wanted is True else None), None
        own = {key: value[key] for key in value if key != "shared"}
        once = self._collector.attempt(place, read, Deduplicate, own, place)
        if value.get("shared") is None:
            return once, None
        return once, self._roles.window(value["shared"], at(place, "shared"))

    def _check_name(self, table: _Table, number: int) -> None:
        given = table.values.get("name")
        name = given if isinstance(given, str) else f"broker-{number}"
        first = self._names.setdefault(name, table.place)
        if first != table.place:
            what = f"is the name of {first}, too"
            self._collector.add(table.home("name"), what, "Give each broker a name of its own.")

    def _check_ends(self, table: _Table) -> None:
        if not any(table.values.get(key) for key in SOURCES):
            fix = "Add consumers, duplex nodes or stores_in."
            self._collector.add(table.place, "the broker has no source", fix)
        if not any(table.values.get(key) for key in DESTINATIONS) or _only_hears_itself(table):
            fix = "Add producers or stores_out; a duplex node never gets what came from itself."
            self._collector.add(table.place, "the broker has no destination", fix)

    def _check_loops(self, plan: Plan, table: _Table) -> None:
        """Nothing is delivered to where the same broker consumes it again."""
        sources = {each.options.loop: each.name for each in plan.sources}
        sinks = [*plan.destinations, *([plan.dead_letter] if plan.dead_letter else [])]
        for sink in sinks:
            if sink.options.loop is not None and sink.options.loop in sources:
                what = f"delivers to {sink.name} what it consumes from there"
                fix = "Deliver to another place: it would consume its own messages, or lose them."
                self._collector.add(table.place, what, fix)

    def _check_keeping(self, plan: Plan, table: _Table) -> None:
        """What the broker itself would refuse once everything is open."""
        dead = plan.dead_letter.make() if plan.dead_letter else None
        self._collector.attempt(table.home("dead_letter"), refuse_losing_letters, plan.name, dead)
        if plan.options.best_effort:
            return
        place = table.home("best_effort")
        sinks = {id(end): end.make() for end in plan.destinations}
        for echo in (None, *(producer for _, producer in plan.duplex)):
            others = [sink for key, sink in sinks.items() if key != id(echo)]
            self._collector.attempt(place, refuse_forgetful, plan.name, others)
        if dead is not None:
            what = f"the dead letter of {plan.name}"
            self._collector.attempt(place, refuse_forgetful, what, [dead])


def _only_hears_itself(table: _Table) -> bool:
    """Whether the one source and the one destination are the same duplex node."""
    nodes = table.values.get("duplex")
    used = {key for key in (*SOURCES, *DESTINATIONS) if table.values.get(key)}
    return isinstance(nodes, list) and len(nodes) == 1 and used == {"duplex"}
