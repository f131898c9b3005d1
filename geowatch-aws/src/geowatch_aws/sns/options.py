"""The options of ``sns``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from geowatch_aws.options import AwsOptions
from geowatch_core.options import TopicOptions, at_least, option, to_path
from geowatch_core.path import Path

__all__ = ["GEOMETRY", "SnsProducerOptions"]

GEOMETRY: Final = ("west", "south", "east", "north", "lon", "lat")
"""The attributes that a geometry gives: its bounding box and its centre, in degrees."""

_NAME: Final = re.compile(r"(?!aws\.|amazon\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.IGNORECASE)
_MOST: Final = 9
"""Raw delivery to SQS discards a message with more than 10, and one is ours.
https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html"""


def _paths(given: Any) -> dict[str, Path]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"Expected a table of paths, got `{type(given).__name__}`")
    found = {}
    for name, path in given.items():
        if not isinstance(name, str) or len(name) > 256 or not _NAME.fullmatch(name):
            raise ValueError(f"{name!a} cannot be the name of an attribute")
        if not isinstance(path, str | Path):
            raise TypeError(f"Expected a path for {name}, got `{type(path).__name__}`")
        found[name] = path if isinstance(path, Path) else Path.parse(path)
    return found


def _subject(_: Any, __: attrs.Attribute[Any], value: str | None) -> None:
    plain = value is None or (0 < len(value) <= 100 and value.isascii() and value.isprintable())
    if not plain or (value or "x")[0] == " ":
        raise ValueError("must be 1 to 100 printable ASCII characters, the first no blank")


@attrs.frozen(kw_only=True)
class SnsProducerOptions(AwsOptions, TopicOptions):
    """Options of a producer. The topic is its name, or its ARN; those of groups are for FIFO."""

    subject: str | None = option(
        None, doc="The subject of mails that the topic sends.", validator=_subject
    )
    attributes: dict[str, Path] = option(
        None,
        doc="Message attributes to filter by: for each name, the path of its value.",
        converter=_paths,
    )
    geometry: Path | None = option(
        None,
        doc="The path of a GeoJSON geometry, whose bounding box and centre become the message "
        f"attributes {', '.join(GEOMETRY)}.",
        converter=to_path,
    )
    group_id: Path | None = option(
        None,
        doc="The path of the value whose messages are kept in order; the message's own key, if "
        "not given, and without one all messages are of one group.",
        converter=to_path,
    )
    deduplication_id: Path | None = option(
        None,
        doc="The path of the value by which the topic knows a message again for five minutes.",
        converter=to_path,
    )
    strict_order: bool = option(
        True,
        doc="Send one message of a group in a call, so that none is overtaken where another fails. "
        "False costs a tenth of the calls where few groups have many messages.",
    )
    parallel: int = option(
        8, doc="Most calls of the service at the same time.", validator=at_least(1)
    )

    def __attrs_post_init__(self) -> None:
        AwsOptions.__attrs_post_init__(self)
        names = {*self.attributes, *(GEOMETRY if self.geometry else ())}
        if len(names) < len(self.attributes) + (len(GEOMETRY) if self.geometry else 0):
            raise ValueError("attributes has a name that geometry gives too")
        if len(names) > _MOST:
            raise ValueError(f"at most {_MOST} message attributes can be had, not {len(names)}")
        if self.topic_prefix and self.is_arn:
            raise ValueError("topic_prefix does not go together with the ARN of a topic")

    @property
    def is_arn(self) -> bool:
        """Whether the topic is the ARN of one, rather than its name."""
        return self.topic.startswith("arn:")

    @property
    def fifo(self) -> bool:
        """Whether the topic keeps order: only the names of those end so."""
        return self.topic.endswith(".fifo")
