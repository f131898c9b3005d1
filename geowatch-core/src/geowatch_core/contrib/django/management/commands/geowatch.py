"""``manage.py geowatch``: run, check or list the brokers of the settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from geowatch_core.cli.check import tell_routes
from geowatch_core.cli.exits import Exit, code_of
from geowatch_core.cli.run import run_brokers
from geowatch_core.config import check_config
from geowatch_core.contrib.django.configuration import CALLED, configuration, enabled
from geowatch_core.errors import ConfigurationError, GeoWatchError


class Command(BaseCommand):
    """Does with the brokers of the settings what ``geowatch-core`` does with those of a file."""

    help = "Run, check or list the brokers of settings.GEOWATCH_BROKERS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Three commands, as ``geowatch-core`` has them."""
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        run = commands.add_parser("run", help="run them until they end or are stopped")
        run.add_argument("--broker", metavar="NAME", action="append", help="only this one")
        run.add_argument(
            "--max-cycle",
            metavar="N",
            type=int,
            default=0,
            help="consume at most N times from each source; 0, the default, for no limit",
        )
        commands.add_parser("check", help="find every mistake, and say what each route promises")
        commands.add_parser("list", help="name the brokers, their sources and destinations")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it; what goes wrong is one paragraph, and the exit code is that of the command."""
        acts: dict[str, Callable[..., Exit]] = {"run": _run, "check": _check, "list": _list}
        try:
            code = acts[options["command"]](self, options)
        except GeoWatchError as error:
            raise CommandError(str(error), returncode=code_of(error)) from error
        if code:
            sys.exit(code)


def _run(command: BaseCommand, options: dict[str, Any]) -> Exit:
    if options["max_cycle"] < 0:
        raise CommandError("--max-cycle: expected a number that is not negative", returncode=2)
    if not enabled():
        command.stdout.write("GEOWATCH_ENABLED is false: no broker runs.")
        return Exit.DONE
    return run_brokers(
        _configuration(), called=CALLED, only=options["broker"], max_cycle=options["max_cycle"]
    )


def _check(_: BaseCommand, __: dict[str, Any]) -> Exit:
    tell_routes(check_config(_configuration()), CALLED)
    return Exit.DONE


def _list(command: BaseCommand, _: dict[str, Any]) -> Exit:
    checked = check_config(_configuration())
    checked.require_ok()
    for route in checked.routes:
        off = "" if route.enabled and enabled() else " (not enabled)"
        ends = f"{route.source} -> {', '.join(route.destinations)}"
        command.stdout.write(f"{route.broker}{off}: {ends}")
    return Exit.DONE


def _configuration() -> Any:
    config = configuration()
    if not config:
        fix = "Set it to a list of tables, each as [[brokers]] in a .toml file."
        raise ConfigurationError(f"{CALLED} is empty", fix=fix)
    return config
