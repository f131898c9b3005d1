"""Makes documents smaller, and no larger than a limit again."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any

from geowatch_aws.s3.options import Compression
from geowatch_core.errors import PermanentError

__all__ = ["packed", "require", "unpacked"]

_CHUNK = 1 << 20


def require(compression: Compression) -> None:
    """Make sure that it can be had.

    Raises:
        PermanentError: what it needs is not installed.
    """
    if compression is Compression.ZSTD:
        _zstd()


def packed(document: bytes, compression: Compression) -> bytes:
    """The document as it is stored; the same bytes for the same document."""
    if compression is Compression.GZIP:
        return gzip.compress(document, mtime=0)
    if compression is Compression.ZSTD:
        return bytes(_zstd().ZstdCompressor(write_checksum=True).compress(document))
    return document


def unpacked(stored: bytes, encoding: str, most: int, key: str) -> bytes:
    """The document of what is stored, by its Content-Encoding.

    Raises:
        PermanentError: it is damaged, or has more than `most` bytes.
    """
    if encoding not in ("gzip", "zstd"):
        return _limited(stored, most, key)
    try:
        source: Any = io.BytesIO(stored)
        if encoding == "gzip":
            return _limited(gzip.GzipFile(fileobj=source).read(most + 1), most, key)
        with _zstd().ZstdDecompressor().stream_reader(source) as reader:
            pieces, size = [], 0
            while size <= most and (piece := reader.read(_CHUNK)):
                pieces.append(piece)
                size += len(piece)
        return _limited(b"".join(pieces), most, key)
    except PermanentError:
        raise
    except (OSError, EOFError, zlib.error, _zstd_error()) as error:
        raise PermanentError(
            f"The object is not what its Content-Encoding {encoding} says: {error}",
            got=key,
            fix="Mend it, or leave it out.",
        ) from error


def _limited(document: bytes, most: int, key: str) -> bytes:
    if len(document) > most:
        raise PermanentError(
            f"The document is larger than max_document = {most} bytes",
            got=key,
            fix="Raise max_document, or leave it out.",
        )
    return document


def _zstd() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise PermanentError(
            "zstd needs the package zstandard",
            got=Compression.ZSTD.value,
            fix="Install geowatch-aws[zstd], or use gzip.",
        ) from error
    return zstandard


def _zstd_error() -> type[Exception]:
    try:
        import zstandard
    except ImportError:
        return zlib.error
    return zstandard.ZstdError
