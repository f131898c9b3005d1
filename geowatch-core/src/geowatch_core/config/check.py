"""Checks a configuration without connecting anywhere, and says what its routes promise."""

from __future__ import annotations

import attrs

from geowatch_core.config.document import Config, called
from geowatch_core.config.plan import Plan
from geowatch_core.config.reader import find
from geowatch_core.errors import Mistake, OptionsError
from geowatch_core.guarantee import End, Guarantee, guarantee
from geowatch_core.provision import Prepared

__all__ = ["Checked", "Route", "check_config"]


@attrs.frozen(kw_only=True)
class Route:
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


@attrs.frozen(kw_only=True)
class Checked:
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
    found = find(config)
    routes = [] if found.mistakes else [route for plan in found.plans for route in _routes(plan)]
    return Checked(called=called(config), mistakes=tuple(found.mistakes), routes=tuple(routes))


def _routes(plan: Plan) -> list[Route]:
    heard = {id(consumer): producer for consumer, producer in plan.duplex}
    stores = {id(store) for store in plan.stores_in}
    routes = []
    for source in plan.sources:
        # A broker never delivers to a duplex node what it consumed from it.
        others = [end for end in plan.destinations if end is not heard.get(id(source))]
        promised = guarantee(_end(source, id(source) in stores), [_end(end) for end in others])
        routes.append(
            Route(
                broker=plan.name,
                enabled=plan.options.enabled,
                source=source.name,
                destinations=tuple(end.name for end in others),
                dead_letter=plan.dead_letter.name if plan.dead_letter else None,
                guarantee=promised,
            )
        )
    return routes


def _end(role: Prepared, starts_over: bool = False) -> End:
    # What was made of the options may be able to do less than its kind.
    return End(role.name, role.make().capabilities, starts_over)
