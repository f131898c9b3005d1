"""Makes clients of boto3, quickly and one at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader, create_loader

from geowatch_aws._errors import translated
from geowatch_aws._hidden import hide
from geowatch_aws.options import AwsOptions
from geowatch_core.errors import PermanentError

__all__ = ["Session", "config_of"]

_making = threading.Lock()
"""boto3's sessions are not safe for threads, its clients are (boto3#801, boto3#1592)."""


@cache
def _loader() -> Loader:
    """One for all sessions: each would read and parse the service models anew, 0.2 s a client."""
    return create_loader()


def config_of(value: Mapping[str, Any] | Config) -> Config:
    """A botocore ``Config`` from a table.

    Raises:
        TypeError: it takes no such option.
    """
    return value if isinstance(value, Config) else Config(**value)


class Session:
    """A client of one service, as the options of a role ask for it.

    Args:
        service: what boto3 calls it.
        options: of the role.
        calls: most calls at the same time; as many connections are kept.
        patience: seconds beyond ``timeout`` that a call may take because it was asked to wait.

    Attributes:
        client: the client of boto3. Safe for threads.
    """

    def __init__(
        self, service: str, options: AwsOptions, *, calls: int = 1, patience: float = 0.0
    ) -> None:
        self._own = options.client is None
        if self._own:
            with translated(f"make a client of {service}", options.endpoint_url or service):
                self.client: Any = _made(service, options, calls, patience)
            return
        found = options.client.meta.service_model.service_name
        if found != service:
            raise PermanentError(
                f"The client that was given is not one of {service}",
                got=found,
                fix=f'Give boto3.client("{service}").',
            )
        self.client = options.client

    def close(self) -> None:
        """Let go of the connections, unless the client belongs to somebody else."""
        if self._own:
            with contextlib.suppress(Exception):  # it holds nothing that could be lost
                self.client.close()


def _made(service: str, options: AwsOptions, calls: int, patience: float) -> Any:
    """A client that tries once: our own loop knows what failed, and tries only that again.

    The retries of botocore are pinned, as their default has changed between its versions: a
    receive whose answer was lost and that is repeated leaves messages invisible, and a send doubles
    them.
    """
    config = Config(
        connect_timeout=max(options.timeout, 0.1),
        read_timeout=max(options.timeout, 0.1) + patience,
        max_pool_connections=calls + 1,
        retries={"mode": "standard", "total_max_attempts": 1},
        tcp_keepalive=True,
        parameter_validation=False,  # what we send is made here, and validating costs a tenth
    )
    if options.config is not None:
        config = config.merge(options.config)
    secrets = (options.aws_secret_access_key, options.aws_session_token)
    secret, token = (None if each is None else each.reveal() for each in secrets)
    hide(secret, token)
    with _making:
        session = botocore.session.Session()
        session.register_component("data_loader", _loader())
        if service == "kinesis":
            # Each record has a time, and making a date of it takes longer than all the rest.
            session.get_component("response_parser_factory").set_parser_defaults(
                timestamp_parser=float
            )
        return boto3.Session(botocore_session=session).client(
            service,
            region_name=options.aws_region,
            aws_access_key_id=options.aws_access_key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            endpoint_url=options.endpoint_url,
            config=config,
        )
