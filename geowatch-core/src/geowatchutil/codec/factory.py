"""Makes codecs by their names, long or short."""

from __future__ import annotations

from typing import Any

from geowatch_core import Codec
from geowatch_core.provision import make_codec
from geowatchutil import _options
from geowatchutil._deprecated import deprecated

__all__ = ["build_codec"]


def build_codec(codec: Any, channel: Any = None) -> Codec:
    """Today's codec of that name. It sees no channel any more, so `channel` changes nothing."""
    deprecated("codec.factory.build_codec", 'codec="…", an option of provision')
    return make_codec(_options.codec(codec))
