"""The conformance kit of producers."""

from geowatch_core.testing.producer_content import ProducerContent
from geowatch_core.testing.producer_limit import ProducerLimit
from geowatch_core.testing.producer_outcome import ProducerOutcome
from geowatch_core.testing.role_life import RoleLife
from geowatch_core.testing.role_secret import RoleSecret

__all__ = ["ProducerKit"]


class ProducerKit(ProducerContent, ProducerLimit, ProducerOutcome, RoleLife, RoleSecret, kit=True):
    """What every producer must pass. Subclass it and give it a harness.

    .. code-block:: python

        class TestKafkaProducer(ProducerKit):
            harness = KafkaHarness

    ``raw_take`` must be filled in. More is proven with ``break_with`` and ``secrets``.
    """
