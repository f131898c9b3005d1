"""What Slack takes in one post, and how a longer text becomes several.

Characters are counted as UTF-16 has them, and entities as they are written: Slack does not say
how it counts, and no way of counting gives more.
"""

from __future__ import annotations

from typing import Any, Final

from geowatch_core import TooLargeError

__all__ = ["MOST_BLOCKS", "MOST_PARTS", "MOST_TEXT", "check_blocks", "size", "split"]

MOST_TEXT: Final = 40_000
"""Characters of a text; beyond that Slack cuts it (changelog, April 2018)."""
MOST_PARTS: Final = 10
"""Posts that one long text may become: a channel is for people."""
MOST_BLOCKS: Final = 50
"""https://docs.slack.dev/reference/block-kit/blocks"""
MOST_OF_ALL_BLOCKS: Final = 11_000
"""Characters of all blocks together. Not documented: 11,341 were refused (bolt-js issue 2867)."""

_MOST_OF_KIND: Final = {"header": 150}
_MOST_OF_BLOCK: Final = 3_000
_MOST_OF_FIELD: Final = 2_000


def size(text: str) -> int:
    """Characters, as Slack may count them at most."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def split(text: str) -> list[str]:
    """The text as texts that each fit one post; joined they are the text again.

    It is cut at a line break or a blank where there is one, and never within an entity or a link.
    Parts without anything to see are left out.

    Raises:
        TooLargeError: it would be more than ten.
    """
    if size(text) > MOST_TEXT * MOST_PARTS:
        raise TooLargeError(
            f"A text of more than {MOST_PARTS} posts of {MOST_TEXT} characters",
            got=size(text),
            fix="Give the codec a template that says what people need, or filter such messages.",
        )
    parts = []
    while size(text) > MOST_TEXT:
        cut = _cut(text)
        parts.append(text[:cut])
        text = text[cut:]
    return [part for part in (*parts, text) if part.strip()]


def _cut(text: str) -> int:
    """Where the first part ends."""
    head = text.encode("utf-16-le")[: 2 * MOST_TEXT].decode("utf-16-le", "ignore")
    cut = len(head)
    for end in ("\n", " "):
        found = head.rfind(end) + 1
        if found > cut // 2:
            cut = found
            break
    entity = head.rfind("&", max(cut - 5, 0), cut)
    if entity > 0 and ";" not in head[entity:cut]:
        cut = entity
    link = head.rfind("<", 0, cut)
    if link > 0 and link > head.rfind(">", 0, cut):
        cut = link
    return cut


def check_blocks(blocks: list[Any]) -> None:
    """Refuse blocks that Slack would refuse for their size.

    Raises:
        TooLargeError: too many, one too long, or all of them together.
    """
    if len(blocks) > MOST_BLOCKS:
        raise _too_large(f"A message has at most {MOST_BLOCKS} blocks", len(blocks))
    total = 0
    for block in blocks:
        kind = block.get("type") if isinstance(block, dict) else None
        total += _checked(block, _MOST_OF_KIND.get(str(kind), _MOST_OF_BLOCK))
    if total > MOST_OF_ALL_BLOCKS:
        what = f"Slack takes about {MOST_OF_ALL_BLOCKS} characters in all blocks together"
        raise _too_large(what, total)


def _checked(node: Any, most: int) -> int:
    """The characters of all text objects inside, each checked."""
    if isinstance(node, list):
        return sum(_checked(item, most) for item in node)
    if not isinstance(node, dict):
        return 0
    total = 0
    for key, child in node.items():
        if key == "text" and isinstance(child, str):
            length = size(child)
            if length > most:
                raise _too_large(f"A text in a block has at most {most} characters", length)
            total += length
        else:
            total += _checked(child, min(most, _MOST_OF_FIELD) if key == "fields" else most)
    return total


def _too_large(what: str, got: int) -> TooLargeError:
    return TooLargeError(what, got=got, fix="Show less of the message in its blocks.")
