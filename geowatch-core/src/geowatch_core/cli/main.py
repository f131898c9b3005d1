"""Reads the command line, and turns what goes wrong into a paragraph and an exit code."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from geowatch_core._interrupt import hand_over
from geowatch_core.cli import check, listing, output, run
from geowatch_core.cli.exits import TEXT, Exit, code_of
from geowatch_core.scaffold import command as new

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: its arguments; those of this process, if not given.

    Returns:
        The exit code.
    """
    try:
        hand_over()
        return _run(argv)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _run(argv: Sequence[str] | None) -> int:
    output.prepare()
    parser = _parser()
    given = parser.parse_args(argv)
    if given.act is None:
        parser.print_help(sys.stderr)
        return Exit.MISTAKE
    with _log_to_stderr(debug=given.debug):
        try:
            code: int = given.act(given)
            output.flush()
        except Exception as error:
            output.complain(error, debug=given.debug)
            return code_of(error)
        return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="geowatch-core",
        description="Move messages from any channel to any other, acknowledged after delivery.",
        epilog=TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.set_defaults(act=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show tracebacks, and log more")
    for module in (run, check, listing, new):
        module.add_commands(commands, common)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: the metadata is slow to read."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib_metadata import version

        print(f"geowatch-core {version('geowatch-core')}")
        parser.exit()


class _Stderr(logging.Handler):
    """Writes to what standard error is at the time, which a live display replaces."""

    def emit(self, record: logging.LogRecord) -> None:
        output.note(self.format(record))


@contextmanager
def _log_to_stderr(*, debug: bool) -> Iterator[None]:
    """While inside; who calls the command as a function has its own logging back after that."""
    handler = _Stderr()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    # Nobody else's level: what a client logs when it debugs may hold secrets.
    root, ours = logging.getLogger(), logging.getLogger("geowatch_core")
    before = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.DEBUG if debug else logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        ours.setLevel(before)
