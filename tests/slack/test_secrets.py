"""Neither token nor webhook URL is shown, whatever fails, with everything logged."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest

from geowatch_core import GeoWatchError, Message, provision_producer
from tools.local import HOST, free_ports
from tools.slack import SlackServer

CANARY = "canary-0d6f1c52"
FAULTS: list[dict[str, Any]] = [
    {},
    {"status": 429, "headers": {"Retry-After": "3"}},
    {"status": 429, "body": "ratelimited"},
    {"status": 500, "body": "<html>"},
    {"status": 500, "body": "\u00ff", "type": "text/plain; charset=utf-99"},
    {"status": 404, "body": "no_service"},
    {"status": 400, "body": "invalid_payload"},
    {"status": 302, "headers": {"Location": "http://127.0.0.1:9/elsewhere"}},
    {"status": 200, "body": "<html>"},
    {"reset": "before"},
    {"reset": "after"},
    {"error": "invalid_auth"},
]


def everything(error: BaseException | None) -> str:
    """Whatever an error and what led to it may show."""
    shown = ""
    while error is not None:
        shown += "".join(traceback.format_exception(error)) + f"{error!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__
    return shown


def made(slack_url: str, role: str, channel: str) -> dict[str, Any]:
    """Options with a secret in them."""
    fast = {"per_second": 1e9, "timeout": 1, "max_tries": 1}
    if role == "webhook":
        host = slack_url.removesuffix("/api/")
        return {"url_webhook": f"{host}/services/{channel}/{CANARY}", **fast}
    return {"token": f"xoxb-{CANARY}", "topic": channel, "base_url": slack_url, **fast}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
@pytest.mark.parametrize("role", ["webhook", "bot"])
def test_no_error_path_shows_a_secret(
    slack: SlackServer,
    channel: str,
    role: str,
    fault: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Outcomes, causes, log lines at DEBUG and output hold no part of a secret."""
    slack.fault("chat.postMessage" if role == "bot" else "webhook", channel=channel, **fault)
    for name in (None, "slack_sdk", "slack_sdk.webhook.client", "slack_sdk.web.base_client"):
        caplog.set_level(logging.DEBUG, name)
    with provision_producer("slack", **made(slack.url, role, channel)) as producer:
        (outcome,) = producer.deliver([Message.of("alert")])
    shown = everything(outcome if isinstance(outcome, Exception) else None)
    out, err = capfd.readouterr()
    assert CANARY not in shown + repr(producer) + caplog.text + out + err


@pytest.mark.parametrize("role", ["webhook", "bot"])
def test_a_slack_that_is_not_there_shows_no_secret(
    role: str, channel: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused connection is an error without the address that was asked."""
    (port,) = free_ports(1)
    shown = ""
    with caplog.at_level(logging.DEBUG):
        try:
            given = made(f"http://{HOST}:{port}/api/", role, channel)
            with provision_producer("slack", **given) as producer:
                (outcome,) = producer.deliver([Message.of("alert")])
                assert isinstance(outcome, GeoWatchError)
                shown = everything(outcome)
        except GeoWatchError as error:
            shown = everything(error)
    assert shown
    assert CANARY not in shown + caplog.text
