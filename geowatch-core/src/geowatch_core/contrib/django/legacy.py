"""Tables of brokers as settings of 2015 have them, put as they are written today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["today"]

_ROLES: Final = ("consumers", "producers", "duplex", "stores_in", "stores_out")
_CODEC: Final = "geowatchcodec"


def today(table: Any) -> Any:
    """A broker's table of today; one that has nothing of 2015 as it is.

    An entry of 2015 may say that it is not ``enabled``, name several ``topics``, have ``options``
    in a table of their own, call a file's path its ``key``, and a codec ``GeoWatchCodecJSON``.
    """
    if not isinstance(table, Mapping):
        return table
    return {
        key: [each for entry in value for each in _entries(entry)]
        if key in _ROLES and isinstance(value, list | tuple)
        else value
        for key, value in table.items()
    }


def _entries(entry: Any) -> Iterator[Any]:
    if not isinstance(entry, Mapping):
        yield entry
        return
    own = dict(entry)
    if not own.pop("enabled", True):
        return
    if isinstance(own.get("options"), Mapping):
        own |= own.pop("options")
    codec = own.get("codec")
    if isinstance(codec, str) and codec.lower().startswith(_CODEC):
        own["codec"] = codec.lower().removeprefix(_CODEC)
    if own.get("backend") == "file" and "key" in own:
        own.setdefault("path", own.pop("key"))
    if isinstance(own.get("topics"), list | tuple):
        topics = own.pop("topics")
        yield from ({**own, "topic": topic} for topic in topics)
    else:
        yield own
