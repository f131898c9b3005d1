"""``geowatch-core check``: every mistake at once, and what each route promises."""

from __future__ import annotations

import argparse
from itertools import groupby

from geowatch_core.cli import output
from geowatch_core.cli.exits import Exit
from geowatch_core.config import Checked, Route, check_config

__all__ = ["Commands", "add_commands", "tell_routes"]

Commands = argparse._SubParsersAction  # what argparse calls a group of commands


def add_commands(
    commands: Commands[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add ``check``."""
    parser = commands.add_parser(
        "check",
        parents=[common],
        help="find every mistake in a configuration, and say what its routes promise",
        description="Find every mistake in a configuration at once, without connecting anywhere. "
        "Without one, print each route with its delivery guarantee and the reasons for it.",
    )
    parser.add_argument("file", metavar="FILE", help="a .toml or .json file")
    parser.set_defaults(act=_check)


def _check(given: argparse.Namespace) -> int:
    tell_routes(check_config(given.file), given.file)
    return Exit.DONE


def tell_routes(checked: Checked, called: str) -> None:
    """Print what each route promises.

    Raises:
        OptionsError: lists every mistake of the configuration.
    """
    checked.require_ok()
    routes = checked.routes
    brokers = len({route.broker for route in routes})
    output.say(
        f"{called}: no mistakes; {_count(brokers, 'broker')}, {_count(len(routes), 'route')}"
    )
    for broker, group in groupby(routes, lambda route: route.broker):
        its = list(group)
        output.say(f"\n{output.printable(broker)}{'' if its[0].enabled else ' (not enabled)'}")
        for route in its:
            output.say(_shown(route))
        output.say(f"  {_undeliverable(its[0])}")


def _shown(route: Route) -> str:
    destinations = ", ".join(route.destinations) or "nowhere"
    ends = f"{route.source} {output.arrow()} {destinations}"
    why = [f"    - {reason}" for reason in route.guarantee.why]
    return "\n".join(
        [f"  {output.printable(ends)}", f"    {route.guarantee}", *map(output.printable, why)]
    )


def _undeliverable(route: Route) -> str:
    if route.dead_letter is None:
        return "A message that cannot be delivered stops the broker: it has no dead letter."
    return f"A message that cannot be delivered goes to {output.printable(route.dead_letter)}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
