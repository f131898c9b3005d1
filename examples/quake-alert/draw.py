"""Draws what was posted to Slack as people see it, from the payload itself.

Only what the example uses is drawn: a text or blocks of headers and sections, bold text, links and
mentions. It is a picture of the payload and not of Slack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, LINE = 760, 76, 22
WRAP = 74
_PART = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>|\*([^*\n]+)\*")
LOOKS = {
    "plain": "",
    "bold": ' font-weight="700"',
    "link": ' fill="#1264a3"',
    "mention": ' fill="#8a6100" font-weight="700"',
}
Span = tuple[str, str]
"""A text and how it looks."""


def picture(posts: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """An SVG of some posts, each beside the name of its channel."""
    parts: list[str] = []
    y = 16
    for channel, post in posts:
        parts.append(_text(20, y + 20, [(f"# {channel}", "bold")], 16))
        parts.append(f'<path d="M20 {y + 32}H{WIDTH - 20}" stroke="#ddd"/>')
        y += 48
        drawn, y = _post(post, y)
        parts += drawn
        y += 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
        f'viewBox="0 0 {WIDTH} {y}" font-family="Lato,Helvetica,Arial,sans-serif" fill="#1d1c1d">\n'
        f'<rect width="{WIDTH}" height="{y}" rx="8" fill="#fff" stroke="#ccc"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _post(post: dict[str, Any], y: int) -> tuple[list[str], int]:
    """One post from `y` on, and where it ends."""
    parts = [
        f'<rect x="20" y="{y}" width="40" height="40" rx="6" fill="#2eb67d"/>',
        _text(31, y + 27, [("G", "bold")], 20, "#fff"),
        _text(LEFT, y + 13, [("GeoWatch", "bold")], 15),
        f'<rect x="{LEFT + 92}" y="{y + 1}" width="32" height="15" rx="3" fill="#e8e8e8"/>',
        _text(LEFT + 97, y + 12, [("APP", "plain")], 10, "#616061"),
    ]
    y += 18
    for x, step, size, spans in _lines(post):
        y += step
        parts.append(_text(x, y, spans, size))
    return parts, y + 14


def _lines(post: dict[str, Any]) -> Iterator[tuple[int, int, int, list[Span]]]:
    """Where each line stands, how far below the last one, how large, and what is in it."""
    if not post.get("blocks"):
        for line in _wrapped(post["text"]):
            yield LEFT, LINE, 15, line
        return
    for block in post["blocks"]:
        if block["type"] == "header":
            yield LEFT, LINE + 6, 19, [(unescape(block["text"]["text"]), "bold")]
        for line in (
            _wrapped(block["text"]["text"])
            if block["type"] == "section" and ("text" in block)
            else ()
        ):
            yield LEFT, LINE + 4, 15, line
        columns = [part["text"].split("\n") for part in block.get("fields", [])]
        for row in range(max(map(len, columns), default=0)):
            for number, column in enumerate(columns):
                spans = _spans(column[row]) if row < len(column) else []
                yield LEFT + 300 * number, 0 if number else LINE, 15, spans


def _wrapped(text: str) -> Iterator[list[Span]]:
    """The lines of a text, long ones broken between words."""
    for line in text.split("\n"):
        row: list[Span] = []
        used = 0
        for piece, look in _spans(line):
            for word in re.findall(r"\S+\s*|\s+", piece):
                if used + len(word.rstrip()) > WRAP and row:
                    yield row
                    row, used = [], 0
                row.append((word, look))
                used += len(word)
        yield row


def _spans(text: str) -> list[Span]:
    """A line of mrkdwn as texts that look different."""
    spans: list[Span] = []
    end = 0
    for found in _PART.finditer(text):
        spans.append((unescape(text[end : found.start()]), "plain"))
        end = found.end()
        target, label, bold = found.groups()
        if bold:
            spans.append((unescape(bold), "bold"))
        elif target.startswith("!"):
            spans.append((f"@{target[1:]}", "mention"))
        else:
            spans.append((unescape(label or target), "link"))
    spans.append((unescape(text[end:]), "plain"))
    return [span for span in spans if span[0]]


def _text(x: int, y: int, spans: Sequence[Span], size: int, fill: str = "") -> str:
    inner = "".join(
        f"<tspan{LOOKS[look]}>{escape(text)}</tspan>" if LOOKS[look] else escape(text)
        for text, look in spans
    )
    colour = f' fill="{fill}"' if fill else ""
    return f'<text x="{x}" y="{y}" font-size="{size}"{colour} xml:space="preserve">{inner}</text>'
