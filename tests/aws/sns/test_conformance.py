"""The conformance kit, for a standard and for a FIFO topic."""

from geowatch_core.testing import BackendKit, ProducerKit, deviates
from tests.aws.sns.harness import FifoHarness, SnsHarness


class TestSns(BackendKit):
    harness = SnsHarness


class TestSnsProducer(ProducerKit):
    harness = SnsHarness

    @deviates(
        "test_order_is_kept", reason="a standard topic keeps no order, and says so when it is open"
    )
    def test_order_is_kept(self) -> None:
        """An open producer of a standard topic claims no order."""
        assert self.producer().capabilities.order == "none"


class TestSnsFifoProducer(ProducerKit):
    harness = FifoHarness
