"""The one place that turns what botocore raises, and what services answer, into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from geowatch_aws._hidden import hidden
from geowatch_core.errors import GeoWatchError, PermanentError, RetryableError, TooLargeError

__all__ = ["Refusal", "code_of", "is_denied", "refusal", "refused", "status_of", "translated"]

Refusal = RetryableError | PermanentError

_LATER: Final = frozenset({
    "ConditionalRequestConflict",
    "EC2ThrottledException",
    "ExpiredIteratorException",
    "InternalError",
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    "KmsThrottled",
    "KMSThrottlingException",
    "LimitExceededException",
    "OperationAborted",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ResourceInUseException",
    "ServiceUnavailable",
    "SlowDown",
    "TooManyRequestsException",
    "TransactionInProgressException",
})  # fmt: skip
"""Codes that pass. Sources: botocore's service models and its own list of throttles,
botocore/retries/standard.py."""

_TOO_LARGE: Final = frozenset({
    "BatchRequestTooLong",
    "EntityTooLarge",
    "MaxMessageLengthExceeded",
    "MessageTooLong",
    "RequestEntityTooLarge",
    "RequestEntityTooLargeException",
})  # fmt: skip

_PASSING: Final = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.ConnectionError,
    boto.ChecksumError,
    boto.CredentialRetrievalError,
    boto.FlexibleChecksumError,
    boto.IncompleteReadError,
    boto.MetadataRetrievalError,
    ResponseParserError,
    HTTPError,
)
"""A request that did not get through, or an answer that was damaged or cut short."""

_DRIVER: Final = (
    boto.ClientError,
    boto.BotoCoreError,
    ResponseParserError,
    HTTPError,
    OSError,
    ValueError,
)
"""All that the client raises: not everything of botocore has one base."""

_FIXES: Final = {
    "301": "Correct aws_region: the bucket is in another one.",
    "403": "Give the credentials the right to, or use others.",
    "404": "Correct aws_bucket, or create the bucket.",
    "AccessDenied": "Give the credentials the right to, or use others.",
    "AuthFailure": "Correct the credentials.",
    "ExpiredToken": "Get new temporary credentials.",
    "InvalidAccessKeyId": "Correct aws_access_key_id.",
    "InvalidClientTokenId": "Correct aws_access_key_id and aws_session_token.",
    "NoSuchBucket": "Correct aws_bucket, or create the bucket.",
    "NonExistentQueue": "Correct the topic, or set topic_check to have it created.",
    "NotFound": "Correct the name, or set topic_check to have it created.",
    "QueueDoesNotExist": "Correct the topic, or set topic_check to have it created.",
    "ResourceNotFoundException": "Correct the topic, or set topic_check to have it created.",
    "SignatureDoesNotMatch": "Correct aws_secret_access_key, and see that the clock is right.",
    "UnrecognizedClient": "Correct aws_access_key_id.",
}
_LATER_FIX: Final = (
    "Try again later; if it lasts, look at the quotas of the service, and at its health."
)


@contextmanager
def translated(doing: str, what: str) -> Iterator[None]:
    """Turn what the client raises inside into our errors.

    Args:
        doing: what was tried, such as ``"send to the queue"``.
        what: with which queue, stream, topic or object.
    """
    try:
        yield
    except GeoWatchError:
        raise
    except _DRIVER as error:
        raise refusal(error, doing, what) from _cleaned(error)


def refusal(error: Exception, doing: str, what: str) -> Refusal:
    """What an exception of the client means: can trying again help, or not?"""
    said = hidden(str(error))
    if isinstance(error, boto.ClientError):
        answer: Any = error.response
        return refused(
            str(answer.get("Error", {}).get("Code", "")),
            hidden(str(answer.get("Error", {}).get("Message", ""))),
            doing,
            what,
            status=status_of(error),
            retry_after=_retry_after(answer),
        )
    text = f"Cannot {doing}: {said.rstrip('.')}"
    if isinstance(error, boto.SSLError):
        fix = "Correct endpoint_url, or name the right certificate authority: AWS_CA_BUNDLE."
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return PermanentError(text, got=what, fix=fix)
        return RetryableError(text, got=what, fix=fix)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        fix = "Give aws_access_key_id and aws_secret_access_key, or set up boto3's own chain."
        return PermanentError(text, got=what, fix=fix)
    if isinstance(error, boto.NoRegionError):
        return PermanentError(text, got=what, fix="Give aws_region, or set AWS_DEFAULT_REGION.")
    if isinstance(error, _PASSING):
        fix = "See that the service runs and can be reached: endpoint_url, aws_region, network."
        return RetryableError(text, got=what, fix=fix)
    return PermanentError(text, got=what, fix="Correct the options that it names.")


def refused(
    code: str,
    message: str,
    doing: str,
    what: str,
    *,
    status: int = 0,
    retry_after: float | None = None,
    later: bool | None = None,
) -> Refusal:
    """What an answer of a service means, for a whole call or for one entry of it.

    Args:
        code: the service's code, such as ``"ThrottlingException"``.
        message: what it says.
        doing: what was tried.
        what: with which queue, stream, topic or object.
        status: of HTTP, where the call failed as a whole.
        retry_after: seconds that it asks to wait.
        later: whether trying again can help, where the answer itself says so.
    """
    code = code.rpartition("#")[2]
    short = code.rpartition(".")[2].removesuffix("Exception")
    said = f": {message.rstrip('.')}" if message else ""
    text = f"Cannot {doing}: {code}{said}"
    if code.rpartition(".")[2] in _TOO_LARGE or status == 413:
        return TooLargeError(text, got=what, fix="Send less at once, or raise the limit.")
    passes = code in _LATER or short in _LATER or "throttl" in code.lower()
    if passes or status == 429 or status >= 500 or later:
        return RetryableError(text, got=what, fix=_LATER_FIX, retry_after=retry_after)
    fix = _FIXES.get(short) or _FIXES.get(code, "Correct what it names; the service will not.")
    return PermanentError(text, got=what, fix=fix)


def code_of(error: BaseException | None) -> str:
    """The service's code, if this is an answer of a service."""
    if not isinstance(error, boto.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def status_of(error: BaseException | None) -> int:
    """The HTTP status, if this is an answer of a service; 0 if not."""
    answer: Any = error.response if isinstance(error, boto.ClientError) else {}
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def is_denied(error: BaseException | None) -> bool:
    """Whether the service answered that these credentials may not do that."""
    return code_of(error) in ("AccessDenied", "AccessDeniedException", "AuthorizationError")


def _retry_after(answer: Any) -> float | None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:  # a date, or nothing
        return None
    return seconds if 0 <= seconds < 3600 else None


def _cleaned(error: Exception) -> Exception:
    """The client's exception without secrets: a refused signature comes with what was signed."""
    error.args = tuple(hidden(each) if isinstance(each, str) else each for each in error.args)
    if isinstance(error, boto.ClientError):
        answer: Any = error.response
        said = answer.get("Error", {})
        said.update({key: hidden(text) for key, text in said.items() if isinstance(text, str)})
    return error
