"""The options of ``s3``."""

from __future__ import annotations

import enum
import re
from typing import Any, Final

import attrs

from geowatch_aws.options import AwsOptions
from geowatch_aws.s3._template import Template
from geowatch_core.options import Options, at_least, option, to_path
from geowatch_core.path import Path
from geowatch_core.store import Which

__all__ = ["Compression", "Overwrite", "S3StoreOptions"]

_MIB: Final = 1 << 20
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:[!-~]{1,200}")


class Compression(enum.StrEnum):
    """How documents are made smaller; what reads them is told by Content-Encoding."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Overwrite(enum.StrEnum):
    """What a write does where an object is already."""

    ALWAYS = "always"
    NEVER = "never"
    """Create only. What is there with the same content was written by an earlier try."""
    UNCHANGED = "unchanged"
    """Compare and set: only if nobody else wrote since this store read or wrote it."""


def _bucket(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    if not _BUCKET.fullmatch(value):
        raise ValueError("must be the name of a bucket: 3 to 63 of a-z, 0-9, dot and dash")


def _key(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    Template.parse(value)


@attrs.frozen(kw_only=True)
class S3StoreOptions(AwsOptions, Options):
    """Options of a store."""

    key: str = option(
        doc="The object's key. {date}, {time}, {uuid} and paths such as {properties.vehicle} stand "
        "for what a batch has; a key that ends in / is a prefix, to be read only.",
        validator=_key,
    )
    aws_bucket: str = option(doc="The bucket.", validator=_bucket)
    which: Which = option(Which.ALL, doc="Which messages of a batch to keep.")
    which_index: int = option(0, doc="For which = index: which one, from 0.", validator=at_least(0))
    overwrite: Overwrite = option(
        Overwrite.ALWAYS,
        doc="always; never, to create only; or unchanged, to replace only what this store knows.",
    )
    compression: Compression = option(Compression.NONE, doc="none, gzip or zstd.")
    time: Path | None = option(
        None,
        doc="The path of the time for {date} and {time}, as ISO 8601 or in seconds or "
        "milliseconds; the message's event time, if not given.",
        converter=to_path,
    )
    part_size: int = option(
        16 * _MIB,
        doc="Bytes above which a document is uploaded in parts of that size, several at once.",
        validator=at_least(5 * _MIB),
    )
    max_document: int = option(
        256 * _MIB, doc="Largest document to read, in bytes, unpacked.", validator=at_least(1)
    )
    max_objects: int = option(
        1000, doc="Most objects of a prefix to read in a run.", validator=at_least(1)
    )
    remember: str | None = option(
        None,
        doc="The key of an object that remembers which objects of a prefix were read and acked.",
    )
    check: bool = option(
        True, doc="Look for the bucket when opening; false for credentials that may only write."
    )
    parallel: int = option(
        4, doc="Most calls of the service at the same time.", validator=at_least(1)
    )

    def __attrs_post_init__(self) -> None:
        AwsOptions.__attrs_post_init__(self)
        if self.remember and not (self.key.endswith("/") or Template.parse(self.key).fields):
            raise ValueError("remember is for a prefix: a key that ends in / or has places")

    @property
    def label(self) -> str:
        """The bucket and the key."""
        return f"{self.aws_bucket}/{self.key}"
