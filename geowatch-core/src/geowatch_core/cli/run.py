"""``geowatch-core run``: the brokers of a configuration, until they end or are stopped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from contextlib import suppress

from geowatch_core.broker import Broker
from geowatch_core.cli import output
from geowatch_core.cli.check import Commands
from geowatch_core.cli.exits import TEXT, Exit
from geowatch_core.cli.progress import Progress, shown
from geowatch_core.cli.summary import summary
from geowatch_core.cli.team import Team
from geowatch_core.cli.workers import SUPERVISED, Workers, when_alone
from geowatch_core.config import provision_brokers
from geowatch_core.config.document import Config
from geowatch_core.errors import ConfigurationError

__all__ = ["add_commands", "run_brokers"]


def add_commands(
    commands: Commands[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add ``run``."""
    parser = commands.add_parser(
        "run",
        parents=[common],
        help="run the brokers of a configuration",
        description="Run the enabled brokers of a configuration, until their sources end, one of "
        "them fails, or SIGINT or SIGTERM arrives: the first stops consuming and finishes what is "
        "in flight, a second leaves at once and acknowledges nothing more.",
        epilog=TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a .toml or .json file")
    parser.add_argument(
        "--broker",
        metavar="NAME",
        action="append",
        help="run only this broker; may be given several times",
    )
    parser.add_argument(
        "--max-cycle",
        metavar="N",
        type=_count,
        default=0,
        help="consume at most N times from each source; 0, the default, for no limit",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=_count,
        default=1,
        help="run them in N processes, and start one again that dies; the channels share the work "
        "out among the members of a group",
    )
    parser.add_argument(SUPERVISED, action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(act=_run)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number that is not negative, got {text!r}")
    return int(text)


def _run(given: argparse.Namespace) -> int:
    if given.workers > 1 and not given.supervised:
        return Workers(_command(given), given.workers).run()
    return run_brokers(
        given.file,
        called=given.file,
        only=given.broker,
        max_cycle=given.max_cycle,
        debug=given.debug,
        supervised=given.supervised,
    )


def _command(given: argparse.Namespace) -> list[str]:
    """What a worker runs: this command, without workers of its own."""
    brokers = [part for name in given.broker or () for part in ("--broker", name)]
    debug = ["--debug"] if given.debug else []
    cycles = ["--max-cycle", str(given.max_cycle)]
    return [sys.executable, "-m", "geowatch_core", "run", given.file, *brokers, *cycles, *debug]


def run_brokers(
    config: Config,
    *,
    called: str,
    only: Collection[str] | None = None,
    max_cycle: int = 0,
    debug: bool = False,
    supervised: bool = False,
) -> Exit:
    """Run the brokers of a configuration until they end or are stopped; how that went.

    Args:
        config: a mapping, or the path of a file.
        called: what errors call it.
        only: the names of the brokers to run; all that are enabled, if not given.
        max_cycle: how often each consumes from each of its sources at most; 0 for no limit.
        debug: show the traceback of what fails.
        supervised: stop when standard input ends, as who looks after this process is gone then.

    Raises:
        ConfigurationError: a mistake in the configuration, or no broker of it is enabled.
        ServiceError: a channel does not open.
    """
    progress = Progress()
    brokers = provision_brokers(config, only=only, plugins=[progress])
    if not brokers:
        fix = "Give one of them enabled = true."
        raise ConfigurationError(f"No broker of {called} is enabled", fix=fix)
    for broker in brokers:
        output.tell(_route(broker))
    team = Team(brokers, max_cycle)
    if supervised:
        when_alone(team.stop)
    watch = _Watch(team, brokers, debug=debug)
    with shown(progress) as show:

        def look() -> None:
            # A terminal that is gone is no reason to stop.
            with suppress(OSError):
                show()
            watch.look()

        team.run(look)
    watch.look()
    for broker in brokers:
        output.tell("\n" + summary(broker, watch.ending(broker)))
    return Exit.STOPPED if team.failures else Exit.DONE


def _route(broker: Broker) -> str:
    sources = ", ".join(source.name for source in broker.sources)
    destinations = ", ".join(destination.name for destination in broker.destinations)
    return output.printable(f"{broker.name}: {sources} {output.arrow()} {destinations}")


class _Watch:
    """Says on standard error why brokers stop, as soon as it is known."""

    def __init__(self, team: Team, brokers: list[Broker], *, debug: bool) -> None:
        self._team = team
        self._several = len(brokers) > 1
        self._debug = debug
        self._told: set[str] = set()
        self._told_stop = False

    def look(self) -> None:
        """Say what is new."""
        for name, error in list(self._team.failures.items()):
            if name not in self._told:
                self._told.add(name)
                output.note(f"geowatch-core: {output.printable(name)} stopped.")
                output.complain(error, debug=self._debug)
        if self._team.stopped and not self._told_stop:
            self._told_stop = True
            if not self._team.failures:
                output.note(
                    "geowatch-core: Stopping: what is in flight is finished. Another signal leaves "
                    "at once."
                )
            elif self._several:
                output.note("geowatch-core: The other brokers are stopped, too.")

    def ending(self, broker: Broker) -> str:
        """How a broker ended, in a word or two."""
        if broker.name in self._team.failures:
            return "failed"
        return "stopped" if self._team.stopped else "ended"
