"""Templates of text: places in braces, filled from a message's value and from nothing else.

A place is a plain look-up, ``{properties.mag}``: no format, no attribute, no call. What it finds is
data, and stays data: it can form no mention and no link, whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from geowatch_core import MISSING, ConfigurationError, Path

__all__ = ["Place", "Template", "escaped", "look_up"]

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_ADDRESS: Final = re.compile(r"https?://[^/?#\s|<>\0]+[/?#]")
_ENTITIES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_UNSEEN: Final = dict.fromkeys(
    (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\ufffd",
)
"""Control characters other than tab and line feed, and those that turn text around."""


class Place(msgspec.Struct, frozen=True):
    """Where a value is filled in.

    Args:
        path: of the value.
        address: whether it stands in the address of a link that the template makes.
    """

    path: Path
    address: bool = False


class Template(msgspec.Struct, frozen=True):
    """A text with places.

    Args:
        source: as it was written.
        parts: texts and places in turn.
    """

    source: str
    parts: tuple[str | Place, ...]

    @classmethod
    def parse(cls, source: object) -> Template:
        """Read the template of a text in Slack's mrkdwn.

        Raises:
            TypeError: not a text.
            ConfigurationError: a brace too many, a path that is none, or a place where what is
                filled in could name the target of a link or a mention.
        """
        parts: list[str | Place] = []
        inside = ""
        for part in _pieces(source):
            if isinstance(part, str):
                parts.append(part)
                inside = _open_link(inside + part)
            elif inside and "|" not in inside:
                if not _ADDRESS.match(inside[1:]):
                    raise _unsafe(part.path)
                parts.append(Place(part.path, address=True))
                inside += "\0"
            else:
                parts.append(part)
        if inside:
            raise ConfigurationError(
                "A link in a template is not closed", got=inside, fix="End it with >."
            )
        return cls(str(source), tuple(parts))

    @classmethod
    def parse_address(cls, source: object) -> Template:
        """Read the template of an address, such as that of a button.

        Raises:
            TypeError: not a text.
            ConfigurationError: a brace too many, or a place before the host has ended.
        """
        parts = _pieces(source)
        places = [part.path for part in parts if isinstance(part, Place)]
        first = parts[0] if parts else ""
        if places and not (isinstance(first, str) and _ADDRESS.match(first)):
            raise _unsafe(places[0])
        addressed = [Place(p.path, address=True) if isinstance(p, Place) else p for p in parts]
        return cls(str(source), tuple(addressed))

    @property
    def has_places(self) -> bool:
        """Whether anything is filled in."""
        return any(isinstance(part, Place) for part in self.parts)

    def render(self, value: Any, missing: str | None) -> str:
        """The text, filled in from `value`.

        Args:
            value: a message's decoded value.
            missing: what stands for what is not there.

        Raises:
            LookupError: something is not there and `missing` is None; names the path.
        """
        return "".join(
            part if isinstance(part, str) else _filled(part, value, missing) for part in self.parts
        )


def escaped(text: str) -> str:
    """Data as it may stand in a text: Slack's three characters as entities, and no controls.

    Source: https://docs.slack.dev/messaging/formatting-message-text, "Escaping text".
    """
    return text.translate(_UNSEEN).translate(_ENTITIES)


def look_up(path: Path, value: Any) -> Any:
    """What is at `path`; of a GeoJSON Feature without it, what is there among its properties."""
    found = path.find(value)
    if found is MISSING and isinstance(value, Mapping) and value.get("type") == "Feature":
        return path.find(value.get("properties"))
    return found


def _filled(place: Place, value: Any, missing: str | None) -> str:
    found = look_up(place.path, value)
    if found is MISSING or found is None:
        if missing is None:
            raise LookupError(str(place.path))
        return quote(missing, safe="") if place.address else escaped(missing)
    text = found if isinstance(found, str) else msgspec.json.encode(found).decode()
    return quote(text, safe="") if place.address else escaped(text)


def _pieces(source: object) -> list[str | Place]:
    """Texts and places in turn; two braces are one that is meant."""
    if not isinstance(source, str):
        raise TypeError(f"Expected `str`, got `{type(source).__name__}`")
    pieces: list[str | Place] = []
    end = 0
    for found in _PIECE.finditer(source):
        pieces.append(source[end : found.start()])
        end = found.end()
        if found[0] in ("{{", "}}"):
            pieces.append(found[0][0])
        elif found[1] is None:
            raise ConfigurationError(
                "A template has a brace without its other half",
                got=source[found.start() :],
                fix="Write a place as {properties.mag}, and a brace that is meant twice: {{.",
            )
        else:
            pieces.append(Place(Path.parse(found[1])))
    pieces.append(source[end:])
    return [piece for piece in pieces if piece != ""]


def _open_link(text: str) -> str:
    """From the last ``<`` on, if no ``>`` has followed it."""
    start = text.rfind("<")
    return text[start:] if start > text.rfind(">") else ""


def _unsafe(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "Data would name the target of a link or of a mention",
        got=f"{{{path}}}",
        fix="Write scheme and host into the template, <https://example.org/{id}|label>, or fill in "
        "the text beside the link only.",
    )
