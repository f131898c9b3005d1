"""The codecs of core, registered like anybody's: ``plain``, ``list``, ``json``, ``geojson``."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import pluggy

from geowatch_core.codec import Codec
from geowatch_core.codecs.geojson import GeoJsonCodec
from geowatch_core.codecs.json import JsonCodec
from geowatch_core.codecs.list import ListCodec
from geowatch_core.codecs.plain import PlainCodec

__all__ = ["BUILTIN", "GeoJsonCodec", "JsonCodec", "ListCodec", "PlainCodec", "geowatch_codecs"]

BUILTIN: Final = MappingProxyType[str, type[Codec]](
    {codec.name: codec for codec in (PlainCodec, ListCodec, JsonCodec, GeoJsonCodec)}
)
"""Name to class; read-only, because a codec of one's own is registered and not put in here."""


@pluggy.HookimplMarker("geowatch")
def geowatch_codecs() -> Sequence[type[Codec]]:
    """Register the four."""
    return tuple(BUILTIN.values())  # `list` is a module here
