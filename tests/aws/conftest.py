"""Servers of AWS's services, one for a whole test run, started when first asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.session
import pytest

from geowatch_aws._session import _loader
from tools.aws_server import KEYS, moto

QUIET = ("boto3", "botocore", "urllib3")


@pytest.fixture(scope="session", autouse=True)
def _quiet_clients() -> None:
    """Have the clients not describe every step of every call to a log that nobody reads."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.INFO)


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where moto serves all of AWS."""
    server, url = moto(tmp_path_factory.mktemp("moto"))
    with server:
        yield url


@pytest.fixture(scope="session")
def raw(moto_url: str) -> Callable[..., Any]:
    """Makes plain clients of boto3, one a service: ``raw("sqs")``."""
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, url: str = moto_url) -> Any:
        if (service, url) not in made:
            made[service, url] = raw_client(service, url)
        return made[service, url]

    return client


@pytest.fixture
def aws(moto_url: str) -> dict[str, Any]:
    """The options that lead to moto."""
    return {**KEYS, "endpoint_url": moto_url}


def raw_client(service: str, url: str) -> Any:
    """A client of boto3 that our code has no part in."""
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())  # only so that making it is quick
    return boto3.Session(botocore_session=session).client(
        service,
        endpoint_url=url,
        region_name=KEYS["aws_region"],
        aws_access_key_id=KEYS["aws_access_key_id"],
        aws_secret_access_key=KEYS["aws_secret_access_key"],
    )
