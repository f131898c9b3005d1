"""Checks a configuration without connecting anywhere, and says what its routes promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from geowatch_core.errors import Mistake, OptionsError
from geowatch_core.flow.route import unique_names
from geowatch_core.guarantee import End, Guarantee, guarantee
from geowatch_core.provision import Prepared

if TYPE_CHECKING:
    from geowatch_core.config.document import Config
    from geowatch_core.config.plan import Plan

__all__ = ["Checked", "Route", "check_config"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One source of a broker, with everywhere its messages go.

    Attributes:
        broker: the name of the broker.
        enabled: whether that broker runs.
        source: the name of the source.
        destinations: the names of the destinations.
        dead_letter: the name of what takes messages that cannot be delivered, if anything does.
        guarantee: what follows from the capabilities of all these.
    """

    broker: str
    enabled: bool
    source: str
    destinations: tuple[str, ...]
    dead_letter: str | None
    guarantee: Guarantee


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        called: what the configuration is called: its file, if it is one.
        mistakes: everything that is wrong with it; nothing if it can be provisioned.
        routes: what it asks for; complete if there is no mistake.
    """

    called: str
    mistakes: tuple[Mistake, ...]
    routes: tuple[Route, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no mistake."""
        return not self.mistakes

    def require_ok(self) -> None:
        """Do nothing if there is no mistake.

        Raises:
            OptionsError: lists every mistake.
        """
        if self.mistakes:
            raise OptionsError(f"{self.called} cannot be used", self.mistakes)


def check_config(config: Config) -> Checked:
    """Find every mistake in a configuration at once, and what its routes promise.

    Disabled brokers are checked like the others. It imports the backends that are named, and
    connects to nothing.

    Args:
        config: a mapping, or the path of a .toml or .json file.
    """
    # Imported late, as in provision: importing all of core must stay cheap.
    from geowatch_core.config.reader import find

    found = find(config)
    routes = [] if found.mistakes else [route for plan in found.plans for route in _routes(plan)]
    return Checked(called=found.called, mistakes=tuple(found.mistakes), routes=tuple(routes))


def _routes(plan: Plan) -> list[Route]:
    echoes = {id(consumer): id(producer) for consumer, producer in plan.duplex}
    stores = {id(store) for store in plan.stores_in}
    destinations = _ends(plan.destinations)
    dead_letter = plan.dead_letter.name if plan.dead_letter else None
    routes = []
    for prepared, source in zip(plan.sources, _ends(plan.sources), strict=True):
        # A broker never delivers to a duplex node what it consumed from it.
        echo = echoes.get(id(prepared))
        others = [
            end
            for sink, end in zip(plan.destinations, destinations, strict=True)
            if id(sink) != echo
        ]
        start = msgspec.structs.replace(source, starts_over=id(prepared) in stores)
        routes.append(
            Route(
                broker=plan.name,
                enabled=plan.options.enabled,
                source=source.name,
                destinations=tuple(end.name for end in others),
                dead_letter=dead_letter,
                guarantee=guarantee(start, others),
            )
        )
    return routes


def _ends(prepared: Sequence[Prepared]) -> list[End]:
    """The ends as the broker will name them, each with what it can do with its options."""
    roles = [one.make() for one in prepared]
    return [
        End(name, role.capabilities) for name, role in zip(unique_names(roles), roles, strict=True)
    ]
