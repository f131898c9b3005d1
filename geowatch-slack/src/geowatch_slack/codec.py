"""The codec ``slack``: a message as people read it, rendered by a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from geowatch_core import Codec, EncodeError, hookimpl, option
from geowatch_core.codecs import JsonCodec
from geowatch_slack.alert import CONTENT_TYPE, Alert, packed, value_of
from geowatch_slack.blocks import Blocks
from geowatch_slack.choice import Choice, choices
from geowatch_slack.template import Template

__all__ = ["SlackCodec", "geowatch_codecs"]

_JSON = JsonCodec()


@attrs.frozen(kw_only=True)
class SlackCodec(Codec):
    """Renders values for people, and keeps the value beside what was rendered.

    ``decode`` gives that value back. Any other JSON text, such as a message that a consumer of
    Slack brings, decodes to what it says.
    """

    name: ClassVar[str] = "slack"
    content_type: ClassVar[str] = CONTENT_TYPE

    template: Template = option(
        "{}",
        doc="The text, with places such as {properties.mag}; the whole value, if not given.",
        converter=lambda given: given if isinstance(given, Template) else Template.parse(given),
    )
    blocks: Blocks | None = option(
        None,
        doc="Blocks of Block Kit with places in their texts: a list, or its JSON.",
        converter=attrs.converters.optional(Blocks),
    )
    templates: tuple[Choice, ...] = option(
        (),
        doc="Tables with when or filter, template and blocks; the first that fits is taken.",
        converter=choices,
    )
    missing: str = option("?", doc="What stands for what a message lacks.")
    refuse_missing: bool = option(False, doc="Refuse a message that lacks something.")

    def encode(self, value: Any) -> bytes:
        """The rendered message, and the value.

        Raises:
            EncodeError: JSON cannot keep the value; or it lacks what a template asks for, with
                ``refuse_missing``.
        """
        data = _JSON.encode(value)
        chosen: SlackCodec | Choice = next((c for c in self.templates if c.takes(value)), self)
        missing = None if self.refuse_missing else self.missing
        try:
            text = chosen.template.render(value, missing)
            blocks = None if chosen.blocks is None else chosen.blocks.render(value, missing)
        except LookupError as error:
            raise EncodeError(
                f"A message has nothing at {error} for its template",
                got=data,
                fix="Leave refuse_missing out, and the text of missing stands there.",
            ) from error
        return packed(Alert(text, blocks, data))

    def decode(self, data: bytes) -> Any:
        """The value.

        Raises:
            DecodeError: not JSON.
        """
        return _JSON.decode(value_of(data))

    def line(self, item: bytes) -> bytes:
        """The item without line breaks.

        Raises:
            EncodeError: an item with line breaks is not JSON.
        """
        return super().line(_JSON.line(item))


@hookimpl
def geowatch_codecs() -> Sequence[type[Codec]]:
    """Register ``slack``."""
    return (SlackCodec,)
