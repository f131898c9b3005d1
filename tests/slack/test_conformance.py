"""Slack keeps what every backend promises, and its codec what every codec does."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st

from geowatch_core.testing import BackendKit, CodecKit, ConsumerKit, ProducerKit
from tests.kit.test_codecs import FEATURES, JSON, ODD_JSON
from tests.slack.harness import SlackHarness, WebhookHarness


class TestSlack(BackendKit):
    harness = SlackHarness


class TestSlackConsumer(ConsumerKit):
    harness = SlackHarness


class TestSlackProducer(ProducerKit):
    harness = SlackHarness


class TestSlackWebhook(ProducerKit):
    harness = WebhookHarness


class TestSlackCodec(CodecKit):
    codec: ClassVar[Any] = {"name": "slack", "template": "M {mag} <https://example.org/{id}|{}>"}
    others: ClassVar[Any] = (
        {"name": "slack"},
        {"name": "slack", "template": "M {mag}", "missing": ""},
        {"name": "slack", "templates": [{"when": {"actiontype": "create"}, "template": "new"}]},
    )

    def values(self) -> st.SearchStrategy[Any]:
        """Whatever JSON has."""
        return st.one_of(JSON, FEATURES)

    def bad(self) -> st.SearchStrategy[bytes]:
        """Anything, and envelopes that are none."""
        envelopes = st.sampled_from(
            [
                b'{"geowatch":"slack"}',
                b'{"geowatch":"slack","message":{},"value":1}',
                b'{"geowatch":"slack","message":{},"value":NaN}',
                b'{"geowatch":"slack","message":1,"value":1,"more":2}',
                b'{"geowatch":"other","message":1,"value":1}',
            ]
        )
        return st.one_of(st.binary(max_size=100), ODD_JSON, envelopes)
