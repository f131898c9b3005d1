"""The conformance kit, for an object of a fixed key."""

from geowatch_core.testing import BackendKit, StoreKit
from tests.aws.s3.harness import S3Harness


class TestS3(BackendKit):
    harness = S3Harness


class TestS3Store(StoreKit):
    harness = S3Harness
