"""Kinesis keeps what every backend promises, on two servers written by different people."""

import pytest

from geowatch_core.testing import BackendKit, ConsumerKit, ProducerKit
from tests.aws.kinesis.harness import KinesaliteHarness, KinesisHarness


class TestKinesis(BackendKit):
    harness = KinesisHarness


class TestKinesisConsumer(ConsumerKit):
    harness = KinesisHarness


class TestKinesisProducer(ProducerKit):
    harness = KinesisHarness


class TestKinesaliteConsumer(ConsumerKit):
    harness = KinesaliteHarness


@pytest.mark.long  # the other server has said the same of the same code
class TestKinesaliteProducer(ProducerKit):
    harness = KinesaliteHarness
