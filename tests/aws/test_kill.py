"""Flows are killed at any moment, and nothing is lost; stopped, and nothing comes twice."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.channels import SINKS, SOURCES, Channel
from tests.aws.flows import Flows
from tests.conftest import PROFILE
from tools.local import until

KILLS = 25 if PROFILE == "long" else 3
WAITING = 400
"""Messages that each flow finds undelivered when it starts."""
FLOW: dict[str, Any] = {"count": 7, "in_flight": 4, "timeout": 0.1}
HELD: int = FLOW["count"] * FLOW["in_flight"]
"""Messages that a flow has consumed and not acked at most: what one kill can bring again."""
MANY = 400
"""Messages of which not all are done when a flow is stopped."""
PAIRS = [(source, sink) for source in SOURCES for sink in SINKS if (source, sink) != ("file",) * 2]


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    """Starts them."""
    with Flows(tmp_path_factory.mktemp("flows") / "log.txt") as started:
        yield started


@pytest.fixture
def channel(
    moto_url: str, raw: Callable[..., Any], tmp_path: Path
) -> Callable[[type[Channel]], Channel]:
    """Makes fresh channels."""

    def make(kind: type[Channel]) -> Channel:
        return kind(f"kill-{uuid.uuid4().hex[:12]}", moto_url, raw, tmp_path)

    return make


def given(channel: Channel, role: str) -> dict[str, Any]:
    """What a role on a channel is provisioned with."""
    more = channel.reading() if role == "consumer" else {}
    return {"backend": channel.backend, "role": role, "codec": "plain", **channel.options(), **more}


def wait(flows: Flows, channel: Channel, count: int) -> None:
    """Until so many have arrived since the last were taken."""
    try:
        until(lambda: channel.arrived() >= count, f"{count} messages have arrived")
    except TimeoutError as error:
        pytest.fail(f"{error}: {flows.said()}")


@pytest.mark.parametrize(("source", "sink"), PAIRS, ids=map(" to ".join, PAIRS))
def test_kills_lose_nothing(
    flows: Flows, channel: Callable[[type[Channel]], Channel], source: str, sink: str
) -> None:
    """Killed again and again in the middle of its work, a flow delivers every message.

    Each kill comes when the flow has delivered some that no flow before it had, and not all.
    """
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    before, after = channel(SOURCES[source]), channel(SINKS[sink])
    options = given(before, "consumer"), given(after, after.role)
    fed, taken = 0, Counter[int]()

    for _ in range(KILLS):
        had, there = len(taken), fed
        fed = had + WAITING
        before.feed(range(there, fed))
        process = flows.start(*options, **FLOW)
        # More than the flow before it may have delivered and not acked.
        wait(flows, after, rng.randint(HELD + 1, WAITING // 2))
        time.sleep(rng.uniform(0, 0.02))
        flows.kill(process)
        taken.update(after.take())
        assert had < len(taken) < fed, "the kill did not come in the middle of its work"

    before.feed([fed])  # when this one has arrived, the last flow is surely running
    fed += 1
    process = flows.start(*options, **FLOW)

    def complete() -> bool:
        taken.update(after.take())
        return set(taken) == set(range(fed))

    try:
        until(complete, "everything has arrived")
    except TimeoutError:
        missing = set(range(fed)) - set(taken)
        pytest.fail(f"of {fed} messages {missing} did not arrive: {flows.said()}")
    assert flows.stop(process) == 0
    taken.update(after.take())
    again = taken.total() - fed
    print(f"{KILLS} kills, {fed} messages, 0 lost, {again} again")
    assert again <= KILLS * HELD


@pytest.mark.parametrize(("source", "sink"), PAIRS, ids=map(" to ".join, PAIRS))
def test_a_clean_stop_doubles_nothing(
    flows: Flows, channel: Callable[[type[Channel]], Channel], source: str, sink: str
) -> None:
    """Stopped while it works and started again, a flow delivers every message once."""
    before, after = channel(SOURCES[source]), channel(SINKS[sink])
    options = given(before, "consumer"), given(after, after.role)
    if source == "sqs":
        options[0]["visibility"] = 60  # what is not given back would be missed
    before.feed(range(MANY))
    process = flows.start(*options, **FLOW)
    taken = Counter[int]()
    wait(flows, after, 1)
    assert flows.stop(process) == 0
    taken.update(after.take())
    assert len(taken) < MANY, "the stop did not come in the middle of its work"
    before.feed([MANY])  # when this one has arrived, the second flow is surely running
    process = flows.start(*options, **FLOW)

    def complete() -> bool:
        taken.update(after.take())
        return set(taken) == set(range(MANY + 1))

    until(complete, "everything has arrived")
    assert flows.stop(process) == 0
    taken.update(after.take())
    assert taken == Counter(range(MANY + 1))
