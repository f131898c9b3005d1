"""``geowatch-core new backend NAME``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from geowatch_core.backend import ROLES

__all__ = ["add_commands", "run"]

Commands = argparse._SubParsersAction  # what argparse calls a group of commands


def add_commands(
    commands: Commands[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add ``new``."""
    new = commands.add_parser(
        "new",
        parents=[common],
        help="begin a distribution of your own",
        description="Begin a distribution of your own.",
    )
    kinds = new.add_subparsers(title="kinds", metavar="KIND", required=True)
    parser = kinds.add_parser(
        "backend",
        parents=[common],
        help="a backend, with the conformance kit wired in",
        description="Make the folder geowatch-NAME: a backend that installs and registers, with "
        "the conformance kit wired in. Its tests fail on what is still to be written, and say so.",
    )
    parser.add_argument("name", metavar="NAME", help="what it will be called in provision(NAME)")
    parser.add_argument(
        "--role",
        action="append",
        choices=ROLES,
        help="a role that it plays; may be given more than once; all three, if not given",
    )
    parser.add_argument(
        "--into",
        metavar="FOLDER",
        type=Path,
        default=Path(),
        help="where to make it; the current folder, if not given",
    )
    parser.set_defaults(act=run)


def run(given: argparse.Namespace) -> int:
    """Make the distribution, and say how to go on.

    Raises:
        ConfigurationError: the name is not good or not free, or the folder cannot be made.
    """
    from geowatch_core.scaffold.project import scaffold

    made = scaffold(given.name, given.into, given.role or ROLES)
    sys.stdout.write(
        f"Made {made}. Go on with:\n\n"
        f"    cd {made}\n"
        '    pip install --editable ".[testing]"\n'
        "    pytest\n\n"
        "The tests fail on what is still to be written, and say what.\n"
    )
    return 0
