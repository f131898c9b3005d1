"""The options that every backend of AWS takes: who asks, where, and how patiently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from geowatch_core.options import Options, option
from geowatch_core.secret import Secret

__all__ = ["AwsOptions"]


def _secret(value: str | Secret | None) -> Secret | None:
    return None if value is None else Secret(value)


def _endpoint(_: Any, __: attrs.Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL such as http://127.0.0.1:4566")
    if parts.username or parts.password:
        raise ValueError("must not have a user in it; use aws_access_key_id")


def _client(value: Any) -> Any:
    """A client of boto3, known by what it says of itself: boto3 is not imported to look at it."""
    meta = getattr(value, "meta", None)
    if value is not None and not hasattr(meta, "service_model"):
        raise TypeError(f"Expected a client of boto3, got `{type(value).__name__}`")
    return value


def _a_config(value: Any) -> Any:
    """A botocore ``Config``, or a table of what one takes."""
    if value is None:
        return None
    if not isinstance(value, Mapping) and type(value).__module__ != "botocore.config":
        raise TypeError(f"Expected a table or a botocore Config, got `{type(value).__name__}`")
    from geowatch_aws._session import config_of

    return config_of(value)


@attrs.frozen(kw_only=True, slots=False)  # without slots it can stand beside other options
class AwsOptions(Options):
    """What every role of AWS takes. Where nothing is given, boto3's own chain is asked."""

    aws_region: str | None = option(None, doc="The region, such as eu-central-1.")
    aws_access_key_id: str | None = option(
        None, doc="The access key; boto3 looks for credentials by itself, if not given."
    )
    aws_secret_access_key: Secret | None = option(
        None, doc="The secret that belongs to aws_access_key_id.", converter=_secret
    )
    aws_session_token: Secret | None = option(
        None, doc="The token of temporary credentials.", converter=_secret
    )
    endpoint_url: str | None = option(
        None, doc="Where the service is, if not at AWS: http://127.0.0.1:4566.", validator=_endpoint
    )
    client: Any = option(
        None, doc="A client of boto3, made by you and closed by you.", converter=_client
    )
    config: Any = option(
        None, doc="A botocore Config, or a table of what one takes.", converter=_a_config
    )

    def __attrs_post_init__(self) -> None:
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ValueError("aws_access_key_id and aws_secret_access_key are given together")
