"""``geowatch-core backends``, ``codecs`` and ``schema``: what is installed here."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from geowatch_core.capabilities import Capabilities
from geowatch_core.cli import output
from geowatch_core.cli.check import Commands
from geowatch_core.cli.exits import Exit
from geowatch_core.errors import ConfigurationError
from geowatch_core.options import fields
from geowatch_core.registry import BACKENDS, CODECS, REGISTRY

__all__ = ["add_commands"]


def add_commands(
    commands: Commands[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add ``backends``, ``codecs`` and ``schema``."""
    for what, act in (("backend", _backends), ("codec", _codecs)):
        parser = commands.add_parser(
            f"{what}s",
            parents=[common],
            help=f"which {what}s are installed; with a name, all about one",
            description=f"List the {what}s that are installed, or describe one with its options. "
            "One that is broken is listed with its cause.",
        )
        parser.add_argument("name", metavar="NAME", nargs="?", help=f"describe this {what}")
        parser.add_argument(
            "--names", action="store_true", help="names only; nothing is imported for that"
        )
        parser.set_defaults(act=act)
    parser = commands.add_parser(
        "schema",
        parents=[common],
        help="the JSON Schema of a configuration, for editors",
        description="Print the JSON Schema (draft 2020-12) of a configuration, with the options of "
        "every installed backend and codec. Editors complete and check with it: in TOML, begin the "
        "file with the line #:schema geowatch.schema.json",
    )
    parser.set_defaults(act=_schema)


def _backends(given: argparse.Namespace) -> int:
    if given.names:
        return _names(REGISTRY.backend_names())
    if given.name is not None:
        return _one_backend(given.name)

    def cells(name: str) -> list[str]:
        backend = REGISTRY.backend(name)
        return [" ".join(backend.roles), REGISTRY.distribution(BACKENDS, name), backend.summary]

    _list(
        ("backend", "roles", "distribution", "what it is"),
        REGISTRY.backend_names(),
        cells,
        BACKENDS,
    )
    return Exit.DONE


def _codecs(given: argparse.Namespace) -> int:
    if given.names:
        return _names(REGISTRY.codec_names())
    if given.name is not None:
        codec = REGISTRY.codec(given.name)
        output.say(f"{codec.name}: {_summary(codec)} ({REGISTRY.distribution(CODECS, codec.name)})")
        output.say(_options(codec, "options"))
        return Exit.DONE

    def cells(name: str) -> list[str]:
        codec = REGISTRY.codec(name)
        return [codec.content_type, REGISTRY.distribution(CODECS, name), _summary(codec)]

    _list(
        ("codec", "content type", "distribution", "what it is"),
        REGISTRY.codec_names(),
        cells,
        CODECS,
    )
    return Exit.DONE


def _schema(_: argparse.Namespace) -> int:
    import msgspec

    from geowatch_core.config.schema import config_schema

    found = config_schema()
    output.say(msgspec.json.format(msgspec.json.encode(found.schema), indent=2).decode())
    for name, error in found.left_out.items():
        output.note(f"geowatch-core: {name} is left out: {error}")
    return Exit.DONE


def _names(names: Iterable[str]) -> int:
    for name in names:
        output.say(name)
    return Exit.DONE


def _list(
    header: tuple[str, ...], names: Iterable[str], cells: Callable[[str], list[str]], group: str
) -> None:
    """A table with a row for each name; one that does not load has its cause below."""
    rows, broken = [list(header)], []
    for name in names:
        try:
            rows.append([name, *cells(name)])
        except ConfigurationError as error:
            rows.append([name, "broken", REGISTRY.distribution(group, name), "see below"])
            broken.append(f"{name}: {error}")
    output.say(output.table([[output.printable(cell) for cell in row] for row in rows]))
    for cause in broken:
        output.say(f"\n{cause}")


def _one_backend(name: str) -> int:
    backend = REGISTRY.backend(name)
    output.say(f"{name}: {backend.summary} ({REGISTRY.distribution(BACKENDS, name)})")
    for role, spec in backend.roles.items():
        output.say("\n" + _options(spec.options, f"{role}: {_abilities(spec.capabilities)}"))
    return Exit.DONE


def _abilities(capabilities: Capabilities) -> str:
    """What differs from the least that a role can do."""
    least = attrs.asdict(Capabilities())
    told = {
        name: value for name, value in attrs.asdict(capabilities).items() if value != least[name]
    }
    words = [name if value is True else f"{name}={value}" for name, value in told.items()]
    return ", ".join(word.replace("_", " ") for word in words) or "no capabilities of its own"


def _options(cls: type[Any], title: str) -> str:
    known: Mapping[str, Any] = fields(cls)
    if not known:
        return f"  {title}: none"
    rows = []
    for name, field in known.items():
        required = field.default is attrs.NOTHING
        default = "required" if required else _default(field.default)
        rows.append(["   ", name, default, field.metadata.get("doc", "")])
    return f"  {title}\n{output.table(rows)}"


def _default(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _summary(cls: type[Any]) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0].rstrip(".")
