"""From a configuration to brokers whose channels are open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs

from geowatch_core.broker import Broker
from geowatch_core.errors import ConfigurationError, UnknownNameError
from geowatch_core.options import nearest
from geowatch_core.provision import Prepared, open_duplex

if TYPE_CHECKING:
    from geowatch_core.config.document import Config
    from geowatch_core.config.plan import Plan
    from geowatch_core.config.reader import Findings

__all__ = ["provision_broker", "provision_brokers"]


def provision_brokers(
    config: Config,
    *,
    only: Collection[str] | None = None,
    factory: Callable[..., Broker] = Broker,
    plugins: Iterable[object] = (),
) -> list[Broker]:
    """The enabled brokers of a configuration, their channels open; ``run`` or close each.

    Args:
        config: a mapping, or the path of a .toml or .json file; see `geowatch_core.config`.
        only: the names of the brokers that are wanted; all that are enabled, if not given.
        factory: makes a broker of what `Broker` takes: a subclass of it, say. With one, a broker
            may do without sources or destinations.
        plugins: objects with hook implementations that observe, for each of the brokers.

    Raises:
        OptionsError: lists every mistake in the configuration; nothing was opened.
        UnknownNameError: `only` names a broker that is not there.
        ConfigurationError: `only` names a broker that is not enabled.
        RetryableError, PermanentError: a channel does not open. What was open is closed again.
    """
    plans = _enabled(_found(config, factory), only)
    plugins = tuple(plugins)
    brokers: list[Broker] = []
    with ExitStack() as opened:
        for plan in plans:
            brokers.append(_open(plan, factory, plugins))
            opened.callback(brokers[-1].close)
        opened.pop_all()
    return brokers


def provision_broker(
    config: Config,
    name: str | None = None,
    *,
    factory: Callable[..., Broker] = Broker,
    plugins: Iterable[object] = (),
) -> Broker:
    """One broker of a configuration, its channels open.

    Args:
        config: as for `provision_brokers`.
        name: which one; not needed where only one is enabled.
        factory: as for `provision_brokers`.
        plugins: as for `provision_brokers`.

    Raises:
        ConfigurationError: there is not exactly one that is enabled, and no name was given.
        OptionsError, UnknownNameError, RetryableError, PermanentError: as `provision_brokers`.
    """
    found = _found(config, factory)
    if name is None:
        enabled = [plan.name for plan in found.plans if plan.options.enabled]
        if len(enabled) != 1:
            raise ConfigurationError(
                f"{found.called} has {len(enabled)} enabled brokers",
                got=enabled,
                fix="Name the one that is meant." if enabled else "Enable one: enabled = true.",
            )
        name = enabled[0]
    (plan,) = _enabled(found, [name])
    return _open(plan, factory, plugins)


def _found(config: Config, factory: Callable[..., Broker]) -> Findings:
    # Imported late: importing all of core must stay cheap.
    from geowatch_core.config.reader import find

    found = find(config, whole=factory is Broker)
    found.require_ok()
    return found


def _enabled(found: Findings, only: Collection[str] | None) -> list[Plan]:
    by_name = {plan.name: plan for plan in found.plans}
    for name in only or ():
        if name not in by_name:
            fix = nearest(name, by_name)
            raise UnknownNameError(f"{found.called} has no such broker", got=name, fix=fix)
        if not by_name[name].options.enabled:
            what = f"This broker of {found.called} is not enabled"
            raise ConfigurationError(what, got=name, fix="Write enabled = true, or leave it out.")
    wanted = by_name if only is None else only
    return [plan for plan in found.plans if plan.options.enabled and plan.name in wanted]


def _open(plan: Plan, factory: Callable[..., Broker], plugins: Iterable[object]) -> Broker:
    with ExitStack() as opened:

        def each(roles: Iterable[Prepared]) -> list[Any]:
            return [one(role) for role in roles]

        def one(role: Prepared) -> Any:
            return opened.enter_context(role.open())

        def node(halves: tuple[Prepared, Prepared]) -> Any:
            found = open_duplex(*halves)
            opened.callback(found.consumer.close)
            opened.callback(found.producer.close)
            return found

        once = plan.deduplicate
        if once is not None and plan.shared is not None:
            once = attrs.evolve(once, shared=one(plan.shared))
        broker = factory(
            plan.name,
            consumers=each(plan.consumers),
            producers=each(plan.producers),
            duplex=[node(halves) for halves in plan.duplex],
            stores_in=each(plan.stores_in),
            stores_out=each(plan.stores_out),
            dead_letter=one(plan.dead_letter) if plan.dead_letter else None,
            filter=plan.filter,
            deduplicate=once or False,
            retry=plan.retry,
            plugins=plugins,
            **_same_words(plan),
        )
        opened.pop_all()
    return broker


def _same_words(plan: Plan) -> dict[str, Any]:
    """What the configuration and a broker call the same, and need no reading."""
    words = (
        "description filter_metadata filter_last_one count timeout sleep_period in_flight "
        "drain_timeout best_effort verbose"
    )
    return {word: getattr(plan.options, word) for word in words.split()}
