"""The conformance kit of consumers."""

from geowatch_core.testing.consumer_content import ConsumerContent
from geowatch_core.testing.consumer_crash import ConsumerCrash
from geowatch_core.testing.consumer_fault import ConsumerFault
from geowatch_core.testing.consumer_pressure import ConsumerPressure
from geowatch_core.testing.consumer_settlement import ConsumerSettlement
from geowatch_core.testing.consumer_thread import ConsumerThread
from geowatch_core.testing.role_life import RoleLife
from geowatch_core.testing.role_secret import RoleSecret

__all__ = ["ConsumerKit"]


class ConsumerKit(
    ConsumerContent,
    ConsumerSettlement,
    ConsumerPressure,
    ConsumerThread,
    ConsumerFault,
    ConsumerCrash,
    RoleLife,
    RoleSecret,
    kit=True,
):
    """What every consumer must pass. Subclass it and give it a harness.

    .. code-block:: python

        class TestKafkaConsumer(ConsumerKit):
            harness = KafkaHarness

    ``raw_put`` must be filled in. More is proven with ``raw_waiting``, ``break_with``,
    ``redelivering``, ``saturating`` and ``secrets``.
    """
