"""The only file that imports slack_sdk, and the one place that turns its exceptions into ours."""

from __future__ import annotations

import http.client
import logging
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.error import HTTPError

import msgspec
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from geowatch_core import PermanentError, RetryableError, TooLargeError
from geowatch_slack.codes import LATER, NEVER, TOO_LARGE

__all__ = ["Bot", "ChannelDownError", "ChannelRefusedError", "Hook", "Identity", "Page"]

T = TypeVar("T")
_log: Final = logging.getLogger(__name__)

_ID: Final = re.compile(r"[CGD][A-Z0-9]{7,}")
_CODE: Final = re.compile(r"[a-z0-9_]{1,80}")
_NUMBER: Final = re.compile(r"\d{1,7}(\.\d{1,6})?")
_OF_ONE_MESSAGE: Final = {
    "no_text",
    "missing_text_or_fallback_or_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_payload",
}
"""Codes that say something of the message, and nothing of the channel."""
_UNANSWERED: Final = (OSError, http.client.HTTPException)
_NOT_SLACK: Final = (SlackClientError, ValueError, LookupError, AttributeError, TypeError)
_MAYBE: Final = "If it was a post, it may be there all the same, and then stands there twice."


class ChannelDownError(RetryableError):
    """Any other message would fail now as well."""


class ChannelRefusedError(PermanentError):
    """Any other message would be refused as well."""


class Identity(msgspec.Struct, frozen=True):
    """Who a token belongs to."""

    user_id: str
    bot_id: str


class Page(msgspec.Struct, frozen=True):
    """What Slack has of a stretch of time, newest first, and whether there is more of it."""

    messages: list[dict[str, Any]]
    has_more: bool


def _silent() -> logging.Logger:
    """A logger for slack_sdk, which logs the URL of a webhook: it is a secret (as of 3.47)."""
    # One that no configuration of logging knows, so that none can turn it on.
    logger = logging.Logger("slack_sdk of geowatch_slack", logging.CRITICAL + 1)  # noqa: LOG001
    logger.propagate = False
    logger.disabled = True
    return logger


def _seconds(timeout: float) -> int:
    return max(math.ceil(timeout), 1)


class Bot:
    """The web API, with a bot's token. Retries nothing: whether to try again is not its to say."""

    def __init__(self, token: str, base_url: str, timeout: float) -> None:
        self._client = WebClient(
            token=token,
            base_url=base_url,
            timeout=_seconds(timeout),
            logger=_silent(),
            retry_handlers=[],  # the one that is on by default posts again after a lost connection
        )

    def identity(self) -> Identity:
        """Who the token belongs to: a call that changes nothing."""
        answer = self._call("auth.test", {})
        return Identity(str(answer.get("user_id")), str(answer.get("bot_id")))

    def post(self, channel: str, payload: Mapping[str, Any]) -> None:
        """Post a message; it is there when this returns.

        Raises:
            RetryableError, PermanentError: it is not, as far as is known.
        """
        answer = self._call("chat.postMessage", {"channel": channel, **payload}, as_json=True)
        said = answer.get("response_metadata")
        more = said.get("warnings") if isinstance(said, dict) else None
        warned = [answer.get("warning"), *_list(more)]
        if any("message_truncated" in str(one) for one in warned):
            raise PermanentError(
                "Slack posted a message and cut it short",
                got=channel,
                fix="Give the codec a shorter template. The message is in the dead letter whole.",
            )

    def history(self, channel: str, oldest: str, latest: str, limit: int) -> Page:
        """The messages from `oldest` to `latest`, both included, at most `limit`, newest first."""
        answer = self._call(
            "conversations.history",
            {
                "channel": channel,
                "oldest": oldest,
                "latest": latest,
                "inclusive": "1",
                "limit": str(limit),
            },
        )
        messages = [m for m in _list(answer.get("messages")) if _is_map(m) and "ts" in m]
        return Page(messages, bool(answer.get("has_more")))

    def channel_id(self, name: str) -> str | None:
        """The id of a channel; None if the bot sees none of that name."""
        name = name.removeprefix("#")
        if _ID.fullmatch(name):
            return name
        found = self._channel(name)
        return None if found is None else str(found.get("id"))

    def ensure_channel(self, name: str) -> str:
        """The id of a channel that the bot is in, made if it was not there."""
        name = name.removeprefix("#")
        if _ID.fullmatch(name):
            return name  # an id is given by Slack, to what is there
        found = self._channel(name)
        if found is None:
            answer = self._call("conversations.create", {"name": name})
            made = answer.get("channel")
            return str(made.get("id")) if isinstance(made, dict) else name
        if not found.get("is_member"):
            self._call("conversations.join", {"channel": str(found.get("id"))})
        return str(found.get("id"))

    def _channel(self, name: str) -> dict[str, Any] | None:
        """What Slack says of a channel of that name."""
        cursor = ""
        while True:
            kinds = {"types": "public_channel,private_channel", "exclude_archived": "1"}
            more = {"cursor": cursor} if cursor else {}
            answer = self._call("conversations.list", {**kinds, "limit": "200", **more})
            for channel in _list(answer.get("channels")):
                if _is_map(channel) and channel.get("name") == name:
                    return dict(channel)
            more_of = answer.get("response_metadata")
            cursor = str(more_of.get("next_cursor") or "") if isinstance(more_of, dict) else ""
            if not cursor:
                return None

    def _call(self, method: str, given: dict[str, Any], as_json: bool = False) -> dict[str, Any]:
        def call() -> object:
            if as_json:
                return self._client.api_call(method, json=given).data
            return self._client.api_call(method, params=given).data

        answer = _translated(method, call)
        _log.debug("%s was answered", method)
        return answer if isinstance(answer, dict) else {}


class Hook:
    """An incoming webhook. Retries nothing."""

    def __init__(self, url: str, timeout: float) -> None:
        self._client = WebhookClient(
            url, timeout=_seconds(timeout), logger=_silent(), retry_handlers=[]
        )

    def post(self, payload: Mapping[str, Any]) -> None:
        """Post a message; it is there when this returns.

        Raises:
            RetryableError, PermanentError: it is not, as far as is known.
        """
        answer = _translated("a webhook", lambda: self._client.send_dict(dict(payload)))
        _log.debug("a webhook was answered with status %s", answer.status_code)
        body = answer.body.strip()
        if answer.status_code != 200 or body != "ok":
            raise _refusal("A webhook", answer.status_code, body, answer.headers)


def _translated(what: str, call: Callable[[], T]) -> T:
    """What a call of the client gives, or our error in place of the client's.

    Raises:
        RetryableError, PermanentError: never anything else.
    """
    try:
        return call()
    except SlackApiError as error:
        response = error.response
        data = response.data if isinstance(response.data, dict) else {}
        code = str(data.get("error") or "")
        raise _refusal(what, response.status_code, code, response.headers) from error
    except SlackRequestError as error:
        raise ChannelRefusedError(
            f"{what} could not be asked", got=type(error).__name__, fix="Check base_url."
        ) from _clean(error)
    except _UNANSWERED as error:
        reason = getattr(error, "reason", error)
        raise ChannelDownError(
            f"Slack did not answer {what}",
            got=str(reason) or type(error).__name__,
            fix=f"See that it can be reached; it is tried again by itself. {_MAYBE}",
        ) from _clean(error)
    except _NOT_SLACK as error:
        raise ChannelDownError(
            f"What answered {what} is not Slack",
            got=type(error).__name__,
            fix="Look for a proxy that answers in its place; check base_url and the webhook.",
        ) from _clean(error)


def _clean(error: BaseException) -> BaseException:
    """The error, with no URL in it or in what led to it: that of a webhook is a secret."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, HTTPError):
            link.url = link.filename = "***"
        link = link.__cause__ or link.__context__
    return error


def _refusal(
    what: str, status: int, body: str, headers: Mapping[str, str]
) -> RetryableError | PermanentError:
    """The error that an answer stands for: by its status, then by Slack's own code."""
    code = body if _CODE.fullmatch(body) else ""
    got = code or f"HTTP {status}"
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return ChannelDownError(
            f"Slack wants {what} to wait",
            got=got,
            fix="It is tried again by itself. Post less often: per_second, or a filter.",
            retry_after=_retry_after(headers),
        )
    if code in LATER or status >= 500 or status == 408:
        fix = f"{LATER.get(code, 'It is tried again by itself.')} {_MAYBE}"
        return RetryableError(f"Slack could not take {what} now", got=got, fix=fix)
    if code in TOO_LARGE:
        return TooLargeError(f"{what}: larger than Slack takes", got=got, fix=TOO_LARGE[code])
    if not code and status < 400:
        return ChannelDownError(
            f"What answered {what} is not Slack",
            got=f"HTTP {status}",
            fix="Look for a proxy that answers in its place; check base_url and the webhook.",
        )
    unknown = "See the method's page on https://docs.slack.dev for this code."
    kind = PermanentError if code in _OF_ONE_MESSAGE else ChannelRefusedError
    return kind(f"Slack refused {what}", got=got, fix=NEVER.get(code, unknown))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After; Slack gives them as a number."""
    given = next((v for name, v in headers.items() if name.lower() == "retry-after"), "")
    return float(given) if _NUMBER.fullmatch(given.strip()) else None


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _is_map(found: Any) -> bool:
    return isinstance(found, dict)
