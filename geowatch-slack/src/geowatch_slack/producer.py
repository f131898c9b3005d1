"""Delivers to a channel of Slack, at its pace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from geowatch_core import (
    CONFIRMED,
    Codec,
    CodecError,
    ConfigurationError,
    Message,
    Outcome,
    PermanentError,
    Producer,
    RetryableError,
    TooLargeError,
)
from geowatch_slack._driver import Bot, ChannelDownError, ChannelRefusedError, Hook
from geowatch_slack.alert import CONTENT_TYPE, Alert, unpacked
from geowatch_slack.backend import MOST_SINGLY, PRODUCER
from geowatch_slack.codec import SlackCodec
from geowatch_slack.digest import Digest
from geowatch_slack.limits import MOST_TEXT, check_blocks, size, split
from geowatch_slack.options import SlackProducerOptions
from geowatch_slack.pace import pace_of

__all__ = ["SlackProducer"]

_NO_MARKUP = {"link_names": False, "parse": "none", "unfurl_links": False, "unfurl_media": False}
"""Slack is to make no link and no mention by itself, and to fetch no address."""


class SlackProducer(Producer):
    """Posts messages one by one, or many as one digest when the pace does not allow each.

    With the codec ``slack`` it posts what that has rendered. The bytes of any other codec are a
    text, shown as it is: nothing in it becomes markup.
    """

    capabilities = PRODUCER

    def __init__(self, options: SlackProducerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=_with_template(codec, options))
        if not options.digest:
            self.capabilities = attrs.evolve(PRODUCER, max_batch=MOST_SINGLY)
        self._options = options
        self._rendered = codec.content_type == CONTENT_TYPE
        self._closing = threading.Event()
        self._digest = Digest.of(options.digest_id, options.digest_worst, options.digest_map)
        channel = options.url_webhook or (options.base_url, options.token, options.full_topic)
        self._pace = pace_of(channel, options.per_second, options.burst)

    def _open(self) -> None:
        self._post = self._connected()

    def _connected(self) -> Callable[[Mapping[str, Any]], None]:
        """What posts a payload to the channel."""
        options = self._options
        if options.url_webhook is not None:
            return Hook(options.url_webhook.reveal(), options.timeout).post
        token = options.token.reveal() if options.token else ""
        bot = Bot(token, options.base_url, options.timeout)
        channel = options.full_topic
        if options.topic_check:
            channel = bot.ensure_channel(channel)
        else:
            bot.identity()
        return lambda payload: bot.post(channel, payload)

    def _deliver(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        outcomes: list[Outcome | None] = [None] * len(messages)
        alerts: dict[int, Alert] = {}
        for index, message in enumerate(messages):
            try:
                alerts[index] = self._alert(message)
            except (PermanentError, CodecError) as error:
                outcomes[index] = error
        for indexes, alert in self._planned(alerts):
            self._deliver_one(indexes, alert, alerts, outcomes)
        return [outcome or CONFIRMED for outcome in outcomes]

    def _alert(self, message: Message) -> Alert:
        """The message as it is posted.

        Raises:
            PermanentError: there is nothing in it to see, it is too large, or it is no text.
            CodecError: it is in the codec slack, and was not rendered nor can be.
        """
        alert = self._read(message.data)
        if alert.blocks is not None:
            check_blocks(alert.blocks)
            if size(alert.text) > MOST_TEXT:
                raise TooLargeError(
                    f"Beside blocks a text has at most {MOST_TEXT} characters",
                    got=size(alert.text),
                    fix="Give the codec a shorter template: with blocks it is what notifies.",
                )
        elif not split(alert.text):
            raise PermanentError(
                "A message has nothing to see in it",
                got=message.data,
                fix="Give the codec a template with some text, or filter such messages.",
            )
        return alert

    def _read(self, data: bytes) -> Alert:
        alert = unpacked(data) if self._rendered else None
        if alert is None and self._rendered:
            # It came in this very codec from a channel, where nobody has rendered it.
            alert = unpacked(self.codec.encode(self.codec.decode(data)))
        if alert is not None:
            return alert
        try:
            return Alert(escaped_only(data.decode()), None, data)
        except UnicodeDecodeError as error:
            raise PermanentError(
                f"Slack takes text, and this is no UTF-8: {error.reason}",
                got=data,
                fix="Encode it with another codec, such as slack or json.",
            ) from error

    def _planned(self, alerts: Mapping[int, Alert]) -> list[tuple[list[int], Alert]]:
        """Which messages are posted together, in order."""
        needed = sum(1 if a.blocks else len(split(a.text)) for a in alerts.values())
        options = self._options
        if not options.digest or needed <= max(self._pace.within(options.patience), 1):
            return [([index], alert) for index, alert in alerts.items()]
        return self._digested(alerts)

    def _digested(self, alerts: Mapping[int, Alert]) -> list[tuple[list[int], Alert]]:
        order = list(alerts)
        items = [self._digest.item(alert) for alert in alerts.values()]
        plan: list[tuple[list[int], Alert]] = []
        for group in self._digest.groups(items):
            indexes, order = order[: len(group)], order[len(group) :]
            alone = len(group) == 1
            plan.append((indexes, group[0].alert if alone else self._digest.render(group)))
        return plan

    def _deliver_one(
        self,
        indexes: list[int],
        alert: Alert,
        alerts: Mapping[int, Alert],
        outcomes: list[Outcome | None],
    ) -> None:
        """Post what stands for these messages, unless the channel has failed before."""
        before = next((o for o in outcomes if isinstance(o, _FOR_ALL)), None)
        outcome = before or self._sent(alert)
        if isinstance(outcome, TooLargeError) and len(indexes) > 1:
            middle = len(indexes) // 2
            for half in (indexes[:middle], indexes[middle:]):
                for part, smaller in self._digested({index: alerts[index] for index in half}):
                    self._deliver_one(part, smaller, alerts, outcomes)
            return
        for index in indexes:
            outcomes[index] = outcome

    def _sent(self, alert: Alert) -> Outcome:
        """Post an alert, all its parts; the outcome."""
        more = _NO_MARKUP | ({} if self._rendered or alert.value == b"" else {"mrkdwn": False})
        if alert.blocks is not None:
            payloads = [{"text": alert.text, "blocks": alert.blocks, **more}]
        else:
            payloads = [{"text": part, **more} for part in split(alert.text)]
        for payload in payloads:
            if not self._pace.wait(self._closing):
                return ChannelDownError(
                    f"{self.name} was closed while messages waited for the pace of their channel",
                    fix="They come again from their source. Give the broker more drain_timeout.",
                )
            asked = None
            try:
                self._post(payload)
            except (RetryableError, PermanentError) as error:
                asked = error.retry_after if isinstance(error, RetryableError) else None
                return error
            finally:
                self._pace.answered(asked)
        return CONFIRMED

    def _close(self) -> None:
        self._closing.set()


_FOR_ALL = (ChannelDownError, ChannelRefusedError)


def escaped_only(text: str) -> str:
    """A text that is shown as it is, each character of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _with_template(codec: Codec, options: SlackProducerOptions) -> Codec:
    """The codec, with the template that the options give."""
    if options.template is None:
        return codec
    if not isinstance(codec, SlackCodec):
        raise ConfigurationError(
            "A template needs the codec slack",
            got=codec.name,
            fix='Write codec = "slack", or leave the template out.',
        )
    if codec.template != SlackCodec().template:
        raise ConfigurationError(
            "There is a template in the options and another one in the codec",
            got=options.template.source,
            fix="Give one of them.",
        )
    return attrs.evolve(codec, template=options.template)
