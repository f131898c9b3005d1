"""What the conformance kit must know of S3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from geowatch_core.backend import RoleName
from geowatch_core.testing import Fault, Harness
from tests.aws.canary import SECRETS, given_to
from tests.aws.faults import broken


class S3Harness(Harness):
    """A bucket of moto's for every check, and one object in it."""

    backend: ClassVar[str] = "s3"
    driver_modules: ClassVar[Sequence[str]] = ("boto3", "botocore", "geowatch_aws._session")

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self._url: str = request.getfixturevalue("moto_url")
        self._raw = request.getfixturevalue("raw")("s3")
        self.key = "quakes/latest.geojson"

    def start(self) -> None:
        """Make the bucket."""
        self._raw.create_bucket(Bucket=self.unique)

    def stop(self) -> None:
        """Remove it."""
        for each in self._raw.list_objects_v2(Bucket=self.unique).get("Contents", ()):
            self._raw.delete_object(Bucket=self.unique, Key=each["Key"])
        self._raw.delete_bucket(Bucket=self.unique)

    def options(self, role: RoleName) -> Mapping[str, Any]:
        """Those that lead to moto."""
        return {"key": self.key, "aws_bucket": self.unique, **given_to(self._url)}

    def secrets(self) -> Mapping[str, str]:
        """Two of them."""
        return SECRETS

    def raw_write(self, document: bytes) -> None:
        """Put the object."""
        self._raw.put_object(Bucket=self.unique, Key=self.key, Body=document)

    def raw_read(self) -> list[bytes]:
        """Get every object there is."""
        listed = self._raw.list_objects_v2(Bucket=self.unique).get("Contents", ())
        return [
            self._raw.get_object(Bucket=self.unique, Key=o["Key"])["Body"].read() for o in listed
        ]

    def break_with(self, fault: Fault) -> Any:
        """Have the client of boto3 fail."""
        operation = {"open": "HeadBucket", "write": "PutObject", "read": "GetObject"}[fault.at]
        return broken(fault, {operation: None}, denied="AccessDenied")
