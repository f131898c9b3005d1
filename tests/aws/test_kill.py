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
FED = 40
"""Messages before each kill."""
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


@pytest.mark.parametrize(("source", "sink"), PAIRS, ids=map(" to ".join, PAIRS))
def test_kills_lose_nothing(
    flows: Flows, channel: Callable[[type[Channel]], Channel], source: str, sink: str
) -> None:
    """Killed again and again while it is fed, and started again, a flow delivers every message."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}")
    before, after = channel(SOURCES[source]), channel(SINKS[sink])
    options = given(before, "consumer"), given(after, after.role)
    fed, taken = 0, Counter[int]()
    for _ in range(KILLS):
        before.feed(range(fed, fed + FED))
        fed += FED
        process = flows.start(*options, count=7, timeout=0.1)
        time.sleep(rng.uniform(0.05, 0.8))
        flows.kill(process)
        taken.update(after.take())
    before.feed([fed])  # when this one has arrived, the last flow is surely running
    fed += 1
    process = flows.start(*options, count=7, timeout=0.1)

    def complete() -> bool:
        taken.update(after.take())
        return set(taken) == set(range(fed))

    try:
        until(complete, "everything has arrived", 60)
    except TimeoutError:
        missing = set(range(fed)) - set(taken)
        pytest.fail(f"of {fed} messages {missing} did not arrive: {flows.said()}")
    assert flows.stop(process) == 0
    again = taken.total() - fed
    print(f"{KILLS} kills, {fed} messages, 0 lost, {again} again")


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
    process = flows.start(*options, count=7, timeout=0.1)
    taken = Counter[int]()

    def some() -> bool:
        taken.update(after.take())
        return bool(taken)

    until(some, "something has arrived", 60)
    assert flows.stop(process) == 0
    before.feed([MANY])  # when this one has arrived, the second flow is surely running
    process = flows.start(*options, count=7, timeout=0.1)

    def complete() -> bool:
        taken.update(after.take())
        return set(taken) == set(range(MANY + 1))

    until(complete, "everything has arrived", 60)
    assert flows.stop(process) == 0
    taken.update(after.take())
    assert taken == Counter(range(MANY + 1))
