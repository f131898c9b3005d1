"""The `geojson` codec: a message is one GeoJSON object."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

import attrs
import msgspec

from geowatch_core.codec import Codec, Reader
from geowatch_core.codecs import _explain, _json, _projection, _shapes
from geowatch_core.codecs._rfc7946 import GEOMETRIES, BrokenRuleError, Check
from geowatch_core.errors import CodecError, ConfigurationError, DecodeError, EncodeError
from geowatch_core.options import option
from geowatch_core.path import Path

__all__ = ["GeoJsonCodec"]

OutOfRange = Literal["warn", "refuse", "accept"]

_log: Final = logging.getLogger(__name__)
_CHOICES: Final = ("warn", "refuse", "accept")


class _Head(msgspec.Struct, gc=False):
    """What an object is, and the items of a FeatureCollection as they are written."""

    type: Any = None
    features: msgspec.Raw = msgspec.Raw(b"null")


_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _is_choice(_: object, attribute: object, value: object) -> None:
    if value not in _CHOICES:
        what = "out_of_range is 'warn', 'refuse' or 'accept'"
        raise ConfigurationError(what, got=value, fix="Leave it out for 'warn'.")


@attrs.frozen(kw_only=True)
class GeoJsonCodec(Codec):
    """GeoJSON as RFC 7946 has it; the value is the object as a dict, foreign members and all.

    Any GeoJSON object can be a message: a Feature, a FeatureCollection, a geometry. Checked both
    ways is everything that the RFC demands, and a refusal cites the section. What it only
    recommends is not asked for: the right-hand rule (§3.1.6), at most three numbers in a position
    (§3.1.1), no collections inside collections (§3.1.8). What `JsonCodec` refuses is refused here.

    Args:
        out_of_range: what to do about longitudes beyond 180 and latitudes beyond 90 degrees (§4):
            ``"refuse"`` them, ``"accept"`` them in silence, or ``"warn"`` in the log, once for
            each codec and from then on at level DEBUG. Accepted, they stay as they are.
    """

    name: ClassVar[str] = "geojson"
    content_type: ClassVar[str] = "application/geo+json"
    document: ClassVar[bool] = True

    out_of_range: OutOfRange = option(
        "warn",
        doc="Positions that are nowhere on Earth: warn in the log, refuse, or accept.",
        validator=_is_choice,
    )

    @cached_property
    def _shapes(self) -> _shapes.Shapes:
        return _shapes.shapes(bounded=self.out_of_range != "accept")

    @cached_property
    def _warned(self) -> threading.Event:
        return threading.Event()

    def encode(self, value: Any) -> bytes:
        """The GeoJSON text of `value`, on one line.

        Raises:
            EncodeError: RFC 7946 forbids it, or it would come back as something else.
        """
        data = _json.write(value)
        self._check(value, EncodeError)
        return data

    def encode_all(self, values: Sequence[Any]) -> list[bytes]:
        """``encode`` of each value.

        Raises:
            EncodeError: one of them is refused.
        """
        written = _json.write_all(values)
        self._check_all(values, EncodeError)
        return written

    def decode(self, data: bytes) -> Any:
        """The GeoJSON object, as a dict.

        Raises:
            DecodeError: not JSON, or not GeoJSON, or it could not be kept.
        """
        value = _json.parse(data)
        self._check(value, DecodeError)
        return value

    def decode_all(self, run: Sequence[bytes]) -> list[Any]:
        """``decode`` of each text.

        Raises:
            DecodeError: one of them is refused.
        """
        values = _json.parse_all(run)
        self._check_all(values, DecodeError)
        return values

    decode_checked = staticmethod(_json.parse_checked)

    def pack(self, items: Iterable[bytes]) -> bytes:
        """A FeatureCollection of the items, one on a line.

        Raises:
            EncodeError: an item is no Feature.
        """
        features = _json.joined(map(_feature, items))
        return b'{"type":"FeatureCollection","features":[\n' + features + b"\n]}\n"

    def unpack(self, document: bytes) -> Iterator[bytes]:
        """The items of a FeatureCollection, as they are written there.

        A document of any other type is its own item. What the FeatureCollection has beside its
        features, foreign members and a bounding box, belongs to no item and is passed over.

        Raises:
            DecodeError: neither a GeoJSON object nor a JSON object at all.
        """
        try:
            head = _decode_head(document)
            items = _decode_items(head.features) if head.type == "FeatureCollection" else ()
        except _json.REFUSED as error:
            # Something is wrong, or the features are no array: decoding all of it will tell.
            self.decode(document)
            raise _explain.refusal(document, error) from error
        if head.type == "FeatureCollection":
            yield from map(bytes, items)
        else:
            yield document.strip(b" \t\r\n")

    def line(self, item: bytes) -> bytes:
        """The item without line breaks; numbers and texts stay as they are written.

        Raises:
            EncodeError: an item with line breaks is not JSON.
        """
        return _json.one_line(item)

    def reader(self, paths: Sequence[Path]) -> Reader:
        """Checks each message's geometry, and decodes only what is at `paths`.

        It refuses what ``decode`` refuses, with one exception: a number larger than Python reads
        (``1e999``), where nobody asked for it and RFC 7946 does not look. Its message goes on with
        the bytes it came with.
        """
        wanted = _projection.tree(paths, _shapes.WHOLE)
        if wanted is None:
            return super().reader(paths)
        rows = _shapes.rows(self._shapes, wanted)
        return _projection.reader(self.decode, rows, paths, wanted)

    def _check_all(self, values: Sequence[Any], error: type[CodecError]) -> None:
        try:
            msgspec.convert({"features": values}, self._shapes.features)
        except _json.REFUSED:
            for value in values:
                self._check(value, error)

    def _check(self, value: Any, error: type[CodecError]) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in self._shapes.objects:
            try:
                msgspec.convert(value, self._shapes.objects[kind])
            except _json.REFUSED:
                pass
            else:
                return
        check = Check()
        try:
            check.text(value)
        except BrokenRuleError as broken:
            raise error(broken.what, got=broken.got, fix=broken.fix) from None
        if check.outside and self.out_of_range != "accept":
            self._tell(*check.outside, error)

    def _tell(self, where: str, got: object, error: type[CodecError]) -> None:
        rule = "RFC 7946 §4: positions are longitude and latitude in degrees"
        fix = "Look whether latitude comes first, or the numbers are metres of a projection."
        found = error(f"{rule}; beyond 180 or 90 at {where}", got=got, fix=fix)
        if self.out_of_range == "refuse":
            raise found
        level = logging.DEBUG if self._warned.is_set() else logging.WARNING
        self._warned.set()
        _log.log(level, "%s", found)


def _feature(item: bytes) -> bytes:
    """`item`, if it can be one of a FeatureCollection's features."""
    try:
        kind = _decode_head(item).type
    except _json.REFUSED as error:
        raise _json.not_encoded(item, error) from error
    if kind != "Feature":
        raise EncodeError(
            "RFC 7946 §3.3: each of the features of a FeatureCollection is a Feature",
            got=kind,
            fix=_ADVICE.get(kind, _WRAP) if isinstance(kind, str) else _WRAP,
        )
    return item


_WRAP: Final = "Make it a Feature in a transform."
_ADVICE: Final = {
    "FeatureCollection": "Unpack it where it is read, so that each message is one Feature.",
    **dict.fromkeys(
        GEOMETRIES,
        'Wrap it: {"type": "Feature", "properties": {}, "geometry": …}, or use codec="json".',
    ),
}
