"""Clients of boto3: who makes them, what they are told, and what their errors become."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError

from geowatch_aws._errors import refusal, translated
from geowatch_aws._session import Session
from geowatch_aws.options import AwsOptions
from geowatch_core import (
    CONFIRMED,
    Message,
    PermanentError,
    RetryableError,
    TooLargeError,
    provision,
)
from tests.aws.conftest import raw_client
from tests.aws.faults import answer


def test_a_client_of_ones_own_is_used_and_not_closed(moto_url: str) -> None:
    """A client that was given serves a role, and serves its owner when the role is closed."""
    client, name = raw_client("sqs", moto_url), f"q-{uuid.uuid4().hex[:12]}"
    client.create_queue(QueueName=name)
    with provision("sqs", "producer", topic=name, client=client) as producer:
        assert producer.deliver([Message(b"x")]) == [CONFIRMED]
    assert client.list_queues(QueueNamePrefix=name)["QueueUrls"]
    client.close()


def test_a_client_of_another_service_is_refused(moto_url: str) -> None:
    """The error says what it is, and what it should be."""
    client = raw_client("s3", moto_url)
    with pytest.raises(PermanentError, match=r"not one of sqs \(got 's3'\).*boto3.client"):
        provision("sqs", "producer", topic="q", client=client)
    client.close()


def given(**more: Any) -> AwsOptions:
    """Options with a region and credentials."""
    keys: dict[str, Any] = {"aws_region": "eu-central-1"}
    keys |= {"aws_access_key_id": "A", "aws_secret_access_key": "0" * 40}
    return AwsOptions.read({**keys, **more})


def test_a_client_tries_once_and_waits_as_long_as_it_is_told() -> None:
    """Retries are ours, and pinned; a long poll has its time and the timeout."""
    session = Session("sqs", given(timeout=7), calls=3, patience=20)
    config = session.client.meta.config
    assert config.retries["mode"] == "standard"
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (7, 27)
    assert config.max_pool_connections == 4
    assert session.client.meta.region_name == "eu-central-1"
    session.close()


@pytest.mark.parametrize("config", [{"user_agent_extra": "mine"}, Config(user_agent_extra="mine")])
def test_a_config_of_ones_own_comes_on_top(config: Any) -> None:
    """A botocore Config, or a table of what one takes, changes what it names and nothing else."""
    session = Session("sqs", given(config=config))
    assert session.client.meta.config.user_agent_extra == "mine"
    assert session.client.meta.config.retries["total_max_attempts"] == 1
    session.close()


def test_credentials_come_from_the_chain_of_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options, the environment is asked as boto3 asks it; without either it is said."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    session = Session("sqs", AwsOptions.read({}))
    assert session.client.meta.region_name == "ap-south-1"
    assert session.client._get_credentials().access_key == "from-the-environment"
    session.close()
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(PermanentError, match="Give aws_region, or set AWS_DEFAULT_REGION"):
        Session("sqs", AwsOptions.read({}))


def test_clients_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads make clients, boto3 makes one after the other."""
    inside, most, lock = [0], [0], threading.Lock()

    class Slow:
        def __init__(self, **_: Any) -> None:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            threading.Event().wait(0.01)
            with lock:
                inside[0] -= 1

        def client(self, *_: Any, **__: Any) -> Any:
            return mock.Mock()

    monkeypatch.setattr("boto3.Session", Slow)
    threads = [threading.Thread(target=Session, args=("sqs", given())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


URL = {"endpoint_url": "http://x"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer("ThrottlingException", 400, "x"), RetryableError),
        (answer("RequestThrottled", 400, "x"), RetryableError),
        (answer("AWS.SimpleQueueService.RequestThrottled", 403, "x"), RetryableError),
        (answer("com.amazonaws.sqs#OverLimit", 403, "x"), RetryableError),
        (answer("ProvisionedThroughputExceededException", 400, "x"), RetryableError),
        (answer("KMSThrottlingException", 400, "x"), RetryableError),
        (answer("SlowDown", 503, "x"), RetryableError),
        (answer("Unheard", 500, "x"), RetryableError),
        (answer("Unheard", 429, "x"), RetryableError),
        (answer("Unheard", 400, "x"), PermanentError),
        (answer("AccessDenied", 403, "x"), PermanentError),
        (answer("AWS.SimpleQueueService.NonExistentQueue", 400, "x"), PermanentError),
        (answer("AWS.SimpleQueueService.BatchRequestTooLong", 400, "x"), TooLargeError),
        (answer("EntityTooLarge", 400, "x"), TooLargeError),
        (answer("Unheard", 413, "x"), TooLargeError),
        (boto.EndpointConnectionError(**URL), RetryableError),
        (boto.ConnectTimeoutError(**URL), RetryableError),
        (boto.ReadTimeoutError(**URL), RetryableError),
        (boto.ConnectionClosedError(**URL), RetryableError),
        (boto.SSLError(**URL, error="unexpected end"), RetryableError),
        (ResponseParserError("garbled"), RetryableError),
        (boto.SSLError(**URL, error="CERTIFICATE_VERIFY_FAILED"), PermanentError),
        (boto.NoCredentialsError(), PermanentError),
        (boto.NoRegionError(), PermanentError),
        (boto.ParamValidationError(report="x"), PermanentError),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:60]),
)
def test_each_error_is_what_it_means(error: Exception, kind: type[Exception]) -> None:
    """Whether trying again can help is said of each error, with advice, and what caused it."""
    with pytest.raises(kind) as caught, translated("try", "something"):
        raise error
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error
    assert caught.value.fix  # type: ignore[attr-defined]
    assert "Cannot try" in str(caught.value)


def test_a_refused_signature_does_not_show_what_was_signed() -> None:
    """A secret that the service repeats is in no error, and in no cause of one."""
    token = f"canary-{uuid.uuid4().hex}"
    Session("sqs", given(aws_session_token=token)).close()
    error = answer("SignatureDoesNotMatch", 403, "x")
    said = f"The canonical string should have been x-amz-security-token:{token}"
    error.response["Error"]["Message"] = said
    error.args = (said,)
    with pytest.raises(PermanentError) as caught, translated("try", "something"):
        raise error
    cause = caught.value.__cause__
    assert token not in f"{caught.value} {cause} {vars(cause)}"
    assert "x-amz-security-token:***" in str(caught.value)


def test_the_log_of_the_client_has_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """What botocore would log with the token of a session has stars in its place."""
    token = f"canary-{uuid.uuid4().hex}"
    Session("sqs", given(aws_session_token=token)).close()
    log = logging.getLogger("botocore.endpoint")
    with caplog.at_level(logging.DEBUG, "botocore.endpoint"):
        log.debug("headers: %s", {"X-Amz-Security-Token": token})
    assert "'X-Amz-Security-Token': '***'" in caplog.text


def test_advice_names_what_to_do() -> None:
    """A wrong key is advised upon by its option."""
    error = refusal(answer("InvalidClientTokenId", 403, "x"), "find the queue", "q")
    assert error.fix == "Correct aws_access_key_id and aws_session_token."


@pytest.mark.parametrize(("said", "seconds"), [("7.5", 7.5), ("soon", None), ("-1", None)])
def test_what_the_service_asks_to_wait_is_handed_on(said: str, seconds: float | None) -> None:
    """Seconds are; what is no number of seconds is not."""
    error = refusal(answer("SlowDown", 503, "x", {"retry-after": said}), "write", "x")
    assert isinstance(error, RetryableError)
    assert error.retry_after == seconds


def test_many_clients_share_what_is_read_of_a_service(
    moto_url: str, raw: Callable[..., Any]
) -> None:
    """The model of a service is parsed once, however many clients are made."""
    from geowatch_aws._session import _loader

    Session("sqs", given()).close()
    with mock.patch.object(
        type(_loader().file_loader), "load_file", side_effect=AssertionError("read again")
    ):
        Session("sqs", given()).close()
