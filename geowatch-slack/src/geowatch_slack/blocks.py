"""Templates of Block Kit blocks: JSON with places inside its texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from geowatch_core import ConfigurationError
from geowatch_slack.limits import MOST_BLOCKS
from geowatch_slack.template import Template

__all__ = ["Blocks"]

_DEEPEST: Final = 20
_TEXT_OBJECTS: Final = ("plain_text", "mrkdwn")
_ADDRESSES: Final = ("url", "image_url")
_A_PLACE: Final = re.compile(r"\{[^{}]*\}")


class Blocks:
    """Blocks with places in them. Compared by what was written; shared by threads.

    Places may stand in text objects and in ``alt_text``, and behind the host of ``url`` and
    ``image_url``. Anywhere else they are refused: there data could name an action or a person.

    Args:
        given: a list of blocks, or its JSON text.

    Raises:
        TypeError, ConfigurationError: it is neither, or has a place where none may be.
    """

    __slots__ = ("_blocks", "source")
    source: str

    def __init__(self, given: object) -> None:
        if isinstance(given, Blocks):
            given = json.loads(given.source)
        if isinstance(given, str):
            try:
                given = json.loads(given)
            except ValueError as error:
                raise ConfigurationError(
                    f"Blocks are not JSON: {error}", got=given, fix="Write a list of blocks."
                ) from error
        if not isinstance(given, list):
            raise TypeError(f"Expected a list of blocks, got `{type(given).__name__}`")
        if not 0 < len(given) <= MOST_BLOCKS:
            raise ConfigurationError(
                f"A message has 1 to {MOST_BLOCKS} blocks", got=len(given), fix="Write fewer."
            )
        try:
            self.source = json.dumps(given)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"Blocks are made of JSON: {error}") from error
        self._blocks = [
            _compiled(block, f"blocks[{number}]", 0) for number, block in enumerate(given)
        ]

    def render(self, value: Any, missing: str | None) -> list[Any]:
        """The blocks, filled in from `value`.

        Raises:
            LookupError: something is not there and `missing` is None; names the path.
        """
        return [_rendered(block, value, missing) for block in self._blocks]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blocks) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Blocks({self.source})"


def _compiled(node: Any, place: str, depth: int) -> Any:
    """The same, with templates in place of texts that have places."""
    if depth > _DEEPEST:
        raise ConfigurationError(f"{place} nests deeper than blocks do", fix="Make it flatter.")
    if isinstance(node, Mapping):
        new = {
            key: _member(node, key, child, f"{place}.{key}", depth) for key, child in node.items()
        }
        return _verbatim(new, place) if node.get("type") == "mrkdwn" else new
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_compiled(item, f"{place}[{n}]", depth + 1) for n, item in enumerate(node)]
    if isinstance(node, str):
        _refuse_places(node, place)
    return node


def _member(owner: Mapping[str, Any], key: str, child: Any, place: str, depth: int) -> Any:
    if not isinstance(child, str):
        return _compiled(child, place, depth + 1)
    is_text = key == "text" and owner.get("type") in _TEXT_OBJECTS
    if is_text or key == "alt_text":
        parse = Template.parse
    elif key in _ADDRESSES:
        parse = Template.parse_address
    else:
        _refuse_places(child, place)
        return child
    try:
        return parse(child)
    except ConfigurationError as error:
        fix = error.fix
        raise ConfigurationError(f"{place}: {error.what}", got=child, fix=fix) from error


def _verbatim(text_object: dict[str, Any], place: str) -> dict[str, Any]:
    """Keep Slack from making links and mentions of bare words, where some of them are data.

    Source: https://docs.slack.dev/reference/block-kit/composition-objects/text-object, "verbatim".
    """
    template = text_object.get("text")
    if not isinstance(template, Template) or not template.has_places:
        return text_object
    if text_object.get("verbatim") is False:
        raise ConfigurationError(
            f"{place} has places and is not verbatim, so data could form links",
            got=template.source,
            fix="Leave verbatim out.",
        )
    return {**text_object, "verbatim": True}


def _refuse_places(text: str, place: str) -> None:
    if _A_PLACE.search(text):
        raise ConfigurationError(
            f"{place} has a place, and data may not stand there",
            got=text,
            fix="Places may stand in the text of plain_text and mrkdwn, in alt_text, and behind "
            "the host of url and image_url.",
        )


def _rendered(node: Any, value: Any, missing: str | None) -> Any:
    if isinstance(node, Template):
        return node.render(value, missing)
    if isinstance(node, dict):
        return {key: _rendered(child, value, missing) for key, child in node.items()}
    if isinstance(node, list):
        return [_rendered(child, value, missing) for child in node]
    return node
