"""The conformance kit, for a standard and for a FIFO queue."""

from geowatch_core.testing import BackendKit, ConsumerKit, ProducerKit, deviates
from tests.aws.sqs.harness import FifoHarness, SqsHarness

UNORDERED = "a standard queue keeps no order, and says so when it is open"


class TestSqs(BackendKit):
    harness = SqsHarness


class TestSqsConsumer(ConsumerKit):
    harness = SqsHarness

    @deviates("test_order_is_kept", reason=UNORDERED)
    def test_order_is_kept(self) -> None:
        """An open consumer of a standard queue claims no order."""
        assert self.consumer().capabilities.order == "none"


class TestSqsProducer(ProducerKit):
    harness = SqsHarness

    @deviates("test_order_is_kept", reason=UNORDERED)
    def test_order_is_kept(self) -> None:
        """An open producer of a standard queue claims no order."""
        assert self.producer().capabilities.order == "none"


class TestSqsFifo(BackendKit):
    harness = FifoHarness


class TestSqsFifoConsumer(ConsumerKit):
    harness = FifoHarness


class TestSqsFifoProducer(ProducerKit):
    harness = FifoHarness
