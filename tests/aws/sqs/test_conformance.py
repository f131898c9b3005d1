"""The conformance kit, for a standard queue, and for the producer of a FIFO queue.

The consumer of a FIFO queue has tests of its own: while it holds messages of a group the queue
gives nobody more of that group, and the kit holds what it has received.
"""

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


class TestSqsFifoProducer(ProducerKit):
    harness = FifoHarness
