"""Many messages as one: how many, the worst, where, and each of them by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs
import msgspec

from geowatch_core import Path
from geowatch_slack.alert import Alert
from geowatch_slack.area import box_around, positions
from geowatch_slack.limits import size
from geowatch_slack.template import Template, escaped, look_up

__all__ = ["Digest", "Item"]

_LONGEST: Final = 12_000
"""Characters of a digest; more messages make another one."""
_LONGEST_NAME: Final = 120
_HEAD: Final = 2_000
"""Characters kept for what stands above the names."""


class Item(msgspec.Struct, frozen=True):
    """One message of a digest.

    Args:
        name: what tells it from the others, in mrkdwn.
        alert: as it would have been posted.
        value: its decoded value, or None.
    """

    name: str
    alert: Alert
    value: Any


@attrs.frozen(kw_only=True)
class Digest:
    """How messages become one.

    Args:
        identifier: where a message says what it is called.
        worst: where the number is whose greatest is shown.
        map_link: the address of a map, with the places west, south, east and north; or None.
    """

    identifier: Path
    worst: Path
    map_link: Template | None

    @classmethod
    def of(cls, identifier: str, worst: str, map_link: str) -> Digest:
        """A digest as the options say; an empty link is none.

        Raises:
            ConfigurationError: a path or the link is none.
        """
        link = Template.parse_address(map_link) if map_link else None
        return cls(identifier=Path.parse(identifier), worst=Path.parse(worst), map_link=link)

    def item(self, alert: Alert) -> Item:
        """One message, to be put into a digest."""
        try:
            value = msgspec.json.decode(alert.value) if alert.value else None
        except (msgspec.MsgspecError, ValueError, RecursionError):
            value = None
        found = look_up(self.identifier, value)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip():
            return Item(_short(escaped(str(found))), alert, value)
        return Item(_short(alert.text), alert, value)

    def groups(self, items: Sequence[Item]) -> Iterator[list[Item]]:
        """The items cut into runs that each make one post, in order."""
        group: list[Item] = []
        room = _LONGEST - _HEAD
        for item in items:
            needed = size(item.name) + 3
            if group and needed > room:
                yield group
                group, room = [], _LONGEST - _HEAD
            group.append(item)
            room -= needed
        if group:
            yield group

    def render(self, group: Sequence[Item]) -> Alert:
        """The one message that stands for all of these."""
        lines = [f"*{len(group)} messages in one*, as more came than the pace of a channel allows"]
        lines += self._worst_line(group)
        lines += self._area_line(group)
        names = [item.name for item in group]
        if any(" " in name for name in names):
            lines += [f"• {name}" for name in names]
        else:
            lines.append(", ".join(names))
        return Alert("\n".join(lines))

    def _worst_line(self, group: Sequence[Item]) -> list[str]:
        rated = [
            (number, -index)
            for index, item in enumerate(group)
            if (number := _number(look_up(self.worst, item.value))) is not None
        ]
        if not rated:
            return []
        number, index = max(rated)
        worst = group[-index]
        text = _short(worst.alert.text)
        label = escaped(self.worst.steps[-1] if self.worst.steps else "value")
        return [f"Greatest {label}: {msgspec.json.encode(number).decode()} ({text})"]

    def _area_line(self, group: Sequence[Item]) -> list[str]:
        box = box_around([at for item in group for at in positions(item.value)])
        if box is None:
            return []
        if self.map_link is None:
            return [f"Area: {box}"]
        address = self.map_link.render(box.fields(), None).replace("&", "&amp;")
        return [f"Area: {box} <{address}|map>"]


def _number(found: Any) -> float | None:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return found if is_number else None


def _short(text: str) -> str:
    """On one line; and where much is left out, it says so."""
    line = " ".join(text.split()) or "(no text)"
    if size(line) <= _LONGEST_NAME:
        return line
    # Never within an entity or a link: what is cut off must not change what stays.
    cut = line[:_LONGEST_NAME]
    cut = cut[: cut.rfind("<")] if cut.rfind("<") > cut.rfind(">") else cut
    ampersand = cut.rfind("&")
    cut = cut[:ampersand] if ampersand > cut.rfind(";") else cut
    return f"{cut}… ({size(line):,} characters)"
