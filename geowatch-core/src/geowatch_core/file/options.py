"""The options of ``file``."""

import enum
import os
from typing import Any

import attrs

from geowatch_core.errors import Mistake, OptionsError
from geowatch_core.options import Options, at_least, option
from geowatch_core.store import Which

_MIB = 1 << 20


class Framing(enum.StrEnum):
    """How messages lie in a file."""

    LINES = "lines"
    DOCUMENT = "document"
    """The whole file is one document of the codec, such as a FeatureCollection."""


def _usable(_: Any, __: "attrs.Attribute[Any]", value: str | None) -> None:
    if value is not None and (not value or "\0" in value):
        raise ValueError("must be the path of a file, without NUL")


def _text(value: "str | os.PathLike[str] | None") -> str | None:
    return None if value is None else os.fsdecode(value)


@attrs.frozen(kw_only=True)
class FileOptions(Options):
    """What every role of a file takes."""

    path: str = option(
        doc="The file; with root, relative to that.", converter=os.fsdecode, validator=_usable
    )
    root: str | None = option(
        None,
        doc="The folder that no path and no link leaves; the file's own folder, if not given.",
        converter=_text,
        validator=_usable,
    )

    @property
    def label(self) -> str:
        """The file's path."""
        return self.path

    @property
    def loop(self) -> str:
        """The file, by whichever links and names."""
        return os.path.realpath(os.path.join(self.root or "", self.path))  # noqa: PTH118 - bytes of any kind


@attrs.frozen(kw_only=True)
class FileConsumerOptions(FileOptions):
    """Options of a file consumer."""

    framing: Framing | None = option(
        None,
        doc="lines or document. If not given: document for .json and .geojson with a codec that "
        "has documents, otherwise lines.",
    )
    follow: bool = option(
        False, doc="Wait for more at the end, across rotation and truncation, like tail -F."
    )
    remember: bool = option(
        True, doc="Remember on disk how far messages were acked, and go on from there."
    )
    position: str | None = option(
        None,
        doc="Where to remember it; beside the file with .position added, if not given.",
        converter=_text,
        validator=_usable,
    )
    max_line: int = option(16 * _MIB, doc="Longest line, in bytes.", validator=at_least(1))
    max_document: int = option(256 * _MIB, doc="Largest document, in bytes.", validator=at_least(1))
    max_unsettled: int = option(
        100_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )

    def __attrs_post_init__(self) -> None:
        if self.follow and self.framing == Framing.DOCUMENT:
            fix = 'Follow a file of lines (framing = "lines"), or read the document without follow.'
            mistake = Mistake("follow", "does not go together with framing = document", fix)
            raise OptionsError("These options cannot be used", [mistake])

    @property
    def position_path(self) -> str:
        """The path of the position file."""
        return self.position or f"{self.path}.position"


@attrs.frozen(kw_only=True)
class FileProducerOptions(FileOptions):
    """Options of a file producer."""


@attrs.frozen(kw_only=True)
class FileStoreOptions(FileOptions):
    """Options of a file store."""

    which: Which = option(Which.ALL, doc="Which messages of a batch to keep.")
    which_index: int = option(0, doc="For which = index: which one, from 0.", validator=at_least(0))
    append: bool = option(
        False, doc="Add each batch to what the file holds, rather than replace it."
    )
