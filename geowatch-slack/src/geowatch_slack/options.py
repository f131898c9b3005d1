"""The options of ``slack``."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal
from urllib.parse import urlsplit

import attrs

from geowatch_core import (
    ConfigurationError,
    Path,
    Secret,
    TopicOptions,
    at_least,
    option,
)
from geowatch_slack.template import Place, Template

__all__ = ["SlackConsumerOptions", "SlackProducerOptions"]

API = "https://slack.com/api/"
_OSM = (
    "https://www.openstreetmap.org/?minlon={west}&minlat={south}&maxlon={east}&maxlat={north}"
    "&box=yes"
)
_EDGES = {"west", "south", "east", "north"}
_optional = attrs.converters.optional


def _base(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"Expected `str`, got `{type(given).__name__}`")
    _check_address(given, shown=given)
    return given


def _is_webhook(_: Any, attribute: attrs.Attribute[Any], given: Secret | None) -> None:
    if given is not None:
        _check_address(given.reveal(), shown="***")


def _is_token(_: Any, attribute: attrs.Attribute[Any], given: Secret | None) -> None:
    """Refuse what no header can carry: the client would show it in its error."""
    text = "" if given is None else given.reveal().strip()
    if given is not None and not (text and text.isascii() and text.isprintable()):
        raise ConfigurationError(
            "This is not a token", got="***", fix="Give the bot token of an app, xoxb-…."
        )


def _check_address(url: str, shown: str) -> None:
    """Refuse what is no address, and one on which a secret would travel in clear."""
    try:
        parts = urlsplit(url)
        host, plain = parts.hostname, parts.scheme == "http"
        good = bool(host) and parts.scheme in ("http", "https") and url.isascii()
        good = good and url.isprintable() and " " not in url and (parts.port or 1) > 0
    except ValueError:
        host, plain, good = None, False, False
    if not good or (plain and not _is_here(str(host))):
        raise ConfigurationError(
            "This is not an address to send secrets to",
            got=shown,
            fix="Give the whole URL, which begins with https://.",
        ) from None


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_path(_: Any, attribute: attrs.Attribute[Any], given: str) -> None:
    Path.parse(given)


def _template(given: Any) -> Template:
    return given if isinstance(given, Template) else Template.parse(given)


def _is_map_link(_: Any, attribute: attrs.Attribute[Any], given: str) -> None:
    for part in Template.parse_address(given).parts:
        if isinstance(part, Place) and str(part.path) not in _EDGES:
            raise ConfigurationError(
                "A link to a map has a place that is no edge of a box",
                got=f"{{{part.path}}}",
                fix="Write {west}, {south}, {east} or {north}, in degrees.",
            )


@attrs.frozen(kw_only=True)
class _SlackOptions(TopicOptions):
    """What both roles take."""

    base_url: str = option(
        API, doc="Where the web API is: GovSlack, or a server for tests.", converter=_base
    )

    @property
    def full_topic(self) -> str:
        """The channel with its prefix, behind the # if there is one."""
        name = self.topic.removeprefix("#")
        return ("#" if name != self.topic else "") + self.topic_prefix + name


@attrs.frozen(kw_only=True)
class SlackConsumerOptions(_SlackOptions):
    """Options of a consumer."""

    token: Secret = option(
        doc="The bot token of an app, xoxb-….", converter=Secret, validator=_is_token
    )
    position: str = option(doc="The file that remembers how far the channel was acked.")
    start: Literal["latest", "earliest"] = option(
        "latest", doc="Where to begin without such a file: with what is new, or with all there is."
    )
    brings: Literal["text", "message"] | None = option(
        None,
        doc="The text of a message, or all of it as JSON. If not given: as the codec needs it.",
    )
    own: bool = option(False, doc="Bring also what this bot itself has posted.")
    poll: float = option(
        3.0, doc="Seconds between two looks at a quiet channel.", validator=at_least(0.01)
    )
    page: int = option(200, doc="Most messages of one answer of Slack.", validator=at_least(1))
    max_unsettled: int = option(
        1_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )


@attrs.frozen(kw_only=True)
class SlackProducerOptions(_SlackOptions):
    """Options of a producer: a bot token and a topic, or an incoming webhook."""

    codec: Any = option("slack", doc="A codec's name, or a table with its name and options.")
    topic: str = option("", doc="The channel. A webhook has its own; there it is a name only.")
    token: Secret | None = option(
        None,
        doc="The bot token of an app, xoxb-….",
        converter=_optional(Secret),
        validator=_is_token,
    )
    url_webhook: Secret | None = option(
        None,
        doc="The URL of an incoming webhook.",
        converter=_optional(Secret),
        validator=_is_webhook,
    )
    template: Template | None = option(
        None, doc="The codec's template, such as M {mag} {place}.", converter=_optional(_template)
    )
    per_second: float = option(1.0, doc="Posts a second to a channel.", validator=at_least(0.001))
    burst: int = option(
        1, doc="Posts that may follow each other at once after a rest.", validator=at_least(1)
    )
    digest: bool = option(
        True, doc="Whether many messages become one, when more wait than the pace allows."
    )
    patience: float = option(
        5.0,
        doc="Seconds that messages may wait for the pace; what would wait longer is digested.",
        validator=at_least(0),
    )
    digest_id: str = option("id", doc="Where a message says what it is called.", validator=_is_path)
    digest_worst: str = option(
        "properties.mag",
        doc="Where the number is whose greatest a digest shows.",
        validator=_is_path,
    )
    digest_map: str = option(
        _OSM,
        doc="The link to a map, with places west, south, east and north; empty for none.",
        validator=_is_map_link,
    )

    def __attrs_post_init__(self) -> None:
        if self.token is None and self.url_webhook is None:
            raise ConfigurationError(
                "A producer of Slack has neither url_webhook nor token",
                fix="Give url_webhook, the URL of an incoming webhook; or token and topic.",
            )
        if self.token is not None and self.url_webhook is not None:
            raise ConfigurationError(
                "A producer of Slack has both url_webhook and token",
                fix="Give one of them: a webhook posts to its own channel, a token to the topic.",
            )
        if self.token is not None and not self.topic:
            raise ConfigurationError(
                "A producer of Slack with a token has no topic",
                fix='Give the channel: topic = "#quakes", or its id.',
            )
        if self.url_webhook is not None and self.topic_check:
            raise ConfigurationError(
                "A webhook cannot create the channel that topic_check asks for",
                fix="Leave topic_check out, or give a token in place of url_webhook.",
            )
