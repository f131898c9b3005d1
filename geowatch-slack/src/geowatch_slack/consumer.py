"""Consumes what is written in a channel of Slack."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import attrs
import msgspec

from geowatch_core import Codec, Consumer, Headers, Message, PermanentError, SettledPrefix
from geowatch_slack._driver import Bot, Page
from geowatch_slack.alert import CONTENT_TYPE
from geowatch_slack.backend import CONSUMER
from geowatch_slack.history import History, micros, timestamp
from geowatch_slack.options import SlackConsumerOptions
from geowatch_slack.position import PositionFile

__all__ = ["SlackConsumer"]

_MESSAGES: Final = {None, "bot_message", "file_share", "me_message", "thread_broadcast"}
"""Subtypes that somebody wrote; the others tell who joined, and what the channel is called."""
_JSON: Final = {"application/json", CONTENT_TYPE}

_Record = tuple[int, dict[str, Any]]
"""A message of Slack behind its microsecond, which is its place in the channel."""


class SlackConsumer(Consumer):
    """Asks for the history of a channel again and again, oldest message first.

    How far it was acked is in a file. What this bot has posted itself is passed over, so that a
    node which also produces does not hear itself.
    """

    capabilities = CONSUMER

    def __init__(self, options: SlackConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        self.capabilities = attrs.evolve(CONSUMER, max_unsettled=options.max_unsettled)
        self._options = options
        self._whole = options.brings == "message" or (
            options.brings is None and codec.content_type in _JSON
        )
        self._fetched: deque[_Record] = deque()
        self._again: list[_Record] = []  # a heap; each of them comes before all that was fetched
        self._unsettled: dict[int, _Record] = {}
        self._prefix: SettledPrefix[int] = SettledPrefix()
        self._changed = threading.Condition()
        self._next_look = 0.0

    def _open(self) -> None:
        options = self._options
        self._bot = Bot(options.token.reveal(), options.base_url, options.timeout)
        self._me = self._bot.identity()
        self._channel = self._channel_id()
        self._position = PositionFile(options.position, self._channel)
        try:
            self._history = History(self._beginning(), self._page)
        except BaseException:
            self._position.close()
            raise

    def _channel_id(self) -> str:
        name = self._options.full_topic
        if self._options.topic_check:
            return self._bot.ensure_channel(name)
        found = self._bot.channel_id(name)
        if found is None:
            raise PermanentError(
                "The bot sees no channel of this name",
                got=name,
                fix="Name one that is there, best by its id; or set topic_check to create it.",
            )
        return found

    def _beginning(self) -> int:
        """The microsecond after which to read."""
        saved = self._position.load()
        if saved is not None:
            return micros(saved)
        if self._options.start == "earliest":
            return 0
        # What is new begins here, also for whoever opens again after a crash before the first ack.
        newest = self._bot.history(self._channel, "0", timestamp(_now() + _DAY), 1).messages
        latest = str(newest[0]["ts"]) if newest else "0.000000"
        self._position.save(latest)
        return micros(latest)

    def _page(self, oldest: str, latest: str) -> Page:
        return self._bot.history(self._channel, oldest, latest, self._options.page)

    def _consume(self, count: int, timeout: float) -> list[Message]:
        deadline = time.monotonic() + timeout
        while True:
            with self._changed:
                found = self._taken(count)
                left = deadline - time.monotonic()
                if found or left <= 0 or self._closed:
                    return found
                wait = min(self._next_look - time.monotonic(), left)
                if self._fetched or wait > 0:
                    # It is full, or Slack was asked a moment ago.
                    self._changed.wait(left if self._fetched else wait)
                    continue
            self._look()

    def _look(self) -> None:
        """Ask Slack once, and keep what it gave."""
        self._next_look = time.monotonic() + self._options.poll
        messages = self._history.look()
        with self._changed:
            for message in messages:
                at = micros(str(message["ts"]))
                self._prefix.deliver([at])
                if self._is_wanted(message):
                    self._fetched.append((at, message))
                else:
                    self._prefix.settle([at])
        if messages or self._history.behind:
            self._next_look = 0.0

    def _is_wanted(self, message: dict[str, Any]) -> bool:
        if message.get("subtype") not in _MESSAGES:
            return False
        return self._options.own or not (
            message.get("bot_id") == self._me.bot_id or message.get("user") == self._me.user_id
        )

    def _taken(self, count: int) -> list[Message]:
        room = min(count, self._options.max_unsettled - len(self._unsettled))
        records: list[_Record] = []
        while len(records) < room and (self._again or self._fetched):
            record = heapq.heappop(self._again) if self._again else self._fetched.popleft()
            self._unsettled[record[0]] = record
            records.append(record)
        return [self._message(*record) for record in records]

    def _message(self, at: int, given: dict[str, Any]) -> Message:
        text = str(given.get("text") or "")
        data = msgspec.json.encode(given) if self._whole else _unescaped(text).encode()
        return Message(data, None, self._headers(given), at / 1e6, at)

    def _headers(self, given: dict[str, Any]) -> Headers:
        return (
            ("slack-channel", self._channel.encode()),
            ("slack-ts", str(given["ts"]).encode()),
            ("slack-user", str(given.get("user") or "").encode()),
        )

    def _ack(self, messages: Sequence[Message]) -> None:
        with self._changed:
            places = [message.position for message in messages]
            reached = self._prefix.reach(places)
            if reached is not None:
                self._position.save(timestamp(reached))
            self._prefix.settle(places)
            for at in places:
                self._unsettled.pop(at, None)
            self._changed.notify_all()

    def _nack(self, messages: Sequence[Message]) -> None:
        with self._changed:
            for message in messages:
                record = self._unsettled.pop(message.position, None)
                if record is not None:
                    heapq.heappush(self._again, record)
            self._changed.notify_all()

    def _close(self) -> None:
        with self._changed:
            self._position.close()
            self._changed.notify_all()


_DAY: Final = 86_400_000_000


def _now() -> int:
    return time.time_ns() // 1_000


def _unescaped(text: str) -> str:
    """The text as it was typed: Slack keeps three characters as entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
