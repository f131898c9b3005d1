from typing import Any

import pytest

from geowatch_core import Capabilities, Order, Settlement
from geowatch_core.guarantee import Delivery, End, guarantee


def end(name: str = "end", **can: Any) -> End:
    """One end that can do this."""
    return End(name, Capabilities(**can))


STREAM = end("stream", settles=Settlement.PREFIX, order=Order.ALL)
QUEUE = end("queue", settles=Settlement.EACH, redelivers_after=30)
MEMORY = end("memory", settles=Settlement.EACH, persistent=False, order=Order.ALL)
DEAF = end("deaf")
STORE = End("store", Capabilities(), starts_over=True)
KEPT = end("kept", order=Order.ALL)
CACHE = end("cache", durable=False, order=Order.ALL)


@pytest.mark.parametrize(
    ("source", "destinations", "delivery", "why"),
    [
        (STREAM, [KEPT], Delivery.AT_LEAST_ONCE, "stream moves on only past messages that are ack"),
        (QUEUE, [KEPT], Delivery.AT_LEAST_ONCE, "queue lets go of each message only when it is ac"),
        (QUEUE, [KEPT], Delivery.AT_LEAST_ONCE, "brings again what is not acked within 30 seconds"),
        (STREAM, [KEPT, CACHE], Delivery.AT_LEAST_ONCE, "cache may forget what it confirmed"),
        (
            STREAM,
            [KEPT, MEMORY],
            Delivery.AT_LEAST_ONCE,
            "What memory confirmed ends with this pro",
        ),
        (STREAM, [MEMORY], Delivery.WHILE_RUNNING, "What memory confirmed ends with this process"),
        (MEMORY, [KEPT], Delivery.WHILE_RUNNING, "What memory holds ends with this process"),
        (STORE, [KEPT], Delivery.STARTS_OVER, "store is read from its beginning at every start"),
        (STORE, [MEMORY], Delivery.WHILE_RUNNING, "store is read from its beginning"),
        (DEAF, [KEPT], Delivery.BEST_EFFORT, "deaf does not remember what was done"),
        (STREAM, [CACHE], Delivery.BEST_EFFORT, "cache may forget what it confirmed"),
        (STREAM, [], Delivery.BEST_EFFORT, "There is nowhere else for its messages to go"),
    ],
)
def test_delivery_is_as_sure_as_its_weakest_end(
    source: End, destinations: list[End], delivery: Delivery, why: str
) -> None:
    """One destination that keeps is enough, as the source waits for all; the reasons say why."""
    promised = guarantee(source, destinations)
    assert promised.delivery is delivery
    assert any(why in reason for reason in promised.why), promised.why
    assert str(promised).startswith(str(delivery))


@pytest.mark.parametrize(
    ("orders", "expected", "text"),
    [
        ((Order.ALL, Order.ALL), Order.ALL, "in order"),
        ((Order.ALL, Order.KEY), Order.KEY, "in order for each key"),
        ((Order.KEY, Order.ALL, Order.NONE), Order.NONE, "in no certain order"),
    ],
)
def test_order_is_that_of_the_end_that_keeps_least(
    orders: tuple[Order, ...], expected: Order, text: str
) -> None:
    """And the reasons name that end."""
    ends = [end(f"end{i}", order=order) for i, order in enumerate(orders)]
    promised = guarantee(ends[0], ends[1:])
    assert promised.order is expected
    assert str(promised).endswith(f"; {text}")
    if expected is not Order.ALL:
        assert f"end{orders.index(expected)} keeps" in promised.why[-1]
