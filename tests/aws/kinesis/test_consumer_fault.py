"""What a consumer does while the stream, or the store of its leases, refuses."""

from __future__ import annotations

import errno
import itertools
import logging
import tempfile
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from geowatch_core import (
    Broker,
    Retry,
    RetryableError,
    provision_consumer,
)
from tests.aws import faults
from tests.aws.kinesis.reading import acked, brought, nothing_more, opened, raises, texts
from tests.aws.kinesis.stream import Stream
from tools.kinesalite import age_iterators
from tools.local import Server, until


def test_an_expired_iterator_is_renewed_behind_the_last_record(
    own_kinesalite: tuple[Server, str],
) -> None:
    """After more than five minutes without a read nothing is lost, and nothing comes twice."""
    server, url = own_kinesalite
    stream = Stream(url, "ages")
    with opened(stream) as consumer:
        stream.put(["a", "b"])
        assert texts(consumer, 2) == ["a", "b"]
        age_iterators(server)
        stream.put(["c"])
        assert texts(consumer, 1) == ["c"]
        assert nothing_more(consumer)
    stream.close()


def test_throttled_reads_are_slowed_down_and_lose_nothing(ending_stream: Stream) -> None:
    """The consumer asks again later, ever more rarely."""
    calls: list[float] = []

    def throttle(true: Any, client: Any, name: str, given: Any) -> Any:
        calls.append(time.monotonic())
        if len(calls) <= 4:
            raise faults.answer("ProvisionedThroughputExceededException", 400, name)
        return true(client, name, given)

    ending_stream.put(["a", "b"])
    with opened(ending_stream) as consumer, faults.intercepted({"GetRecords": throttle}):
        assert texts(consumer, 2, failing=True) == ["a", "b"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(calls[:5])]
    # Jitter over the upper half of 0.2, 0.4, 0.8, 1.6 seconds.
    assert all(gap >= least for gap, least in zip(gaps, (0.1, 0.2, 0.4, 0.8), strict=True))


@pytest.mark.parametrize(
    ("code", "status"),
    [("ProvisionedThroughputExceededException", 400), ("InternalFailure", 500)],
)
def test_that_nothing_came_is_said_by_the_service(stream: Stream, code: str, status: int) -> None:
    """While the service has not answered since it failed, consume fails rather than bring none."""
    down = threading.Event()

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        if down.is_set():
            raise faults.answer(code, status, name)
        return true(client, name, given)

    with faults.intercepted({"GetRecords": act}), opened(stream) as consumer:
        stream.put(["before"])
        assert texts(consumer, 1) == ["before"]
        down.set()
        for timeout in (1, 0, 0.1, 0.1):
            with pytest.raises(RetryableError, match=code):
                consumer.consume(10, timeout)
        stream.put(["after"])
        down.clear()
        assert texts(consumer, 1, failing=True) == ["after"]
        assert consumer.consume(10, 0.1) == []


def test_a_broker_gives_up_on_a_stream_that_stays_throttled(ending_stream: Stream) -> None:
    """The retry policy sees one outage, in cycles that are shorter than the pauses of a reader."""

    def throttle(_: Any, __: Any, name: str, ___: Any) -> Any:
        raise faults.answer("ProvisionedThroughputExceededException", 400, name)

    consumer = provision_consumer("kinesis", **ending_stream.reading, max_tries=1)
    broker = Broker(consumers=[consumer], timeout=0.1, retry=Retry(attempts=4, base=0))
    with (
        faults.intercepted({"GetRecords": throttle}),
        pytest.raises(RetryableError, match="ProvisionedThroughputExceeded"),
    ):
        broker.run(max_cycle=50)


def leases_failing(down: threading.Event) -> AbstractContextManager[None]:
    """Have the store of leases fail as long as `down` is set."""

    def act(true: Any, client: Any, name: str, given: Any) -> Any:
        if down.is_set():
            raise faults.answer("InternalServerError", 500, name)
        return true(client, name, given)

    return faults.intercepted(dict.fromkeys(("UpdateItem", "Scan", "GetItem"), act))


def test_an_outage_of_the_lease_store_is_one_however_short_a_cycle(
    stream: Stream, moto_url: str
) -> None:
    """Between two looks at leases that fail, consume does not say that nothing came."""
    options = {"group": stream.name, "lease_endpoint_url": moto_url, "lease_duration": 0.4}
    down = threading.Event()
    with leases_failing(down), opened(stream, **options) as consumer:
        down.set()
        raises(consumer, RetryableError)
        for _ in range(5):
            with pytest.raises(RetryableError, match="InternalServerError"):
                consumer.consume(10, 0)
        down.clear()
        stream.put(["after"])
        assert texts(consumer, 1, failing=True) == ["after"]


def test_a_failing_lease_store_is_said_and_survived(
    stream: Stream, moto_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The ack says that it did not work; when the store is back, it does."""
    options = {"group": stream.name, "lease_endpoint_url": moto_url, "lease_duration": 0.4}
    down = threading.Event()
    stream.put(["a", "b"])
    with (
        leases_failing(down),
        caplog.at_level(logging.ERROR),
        opened(stream, **options) as consumer,
    ):
        messages = brought(consumer, 2)
        down.set()
        with pytest.raises(RetryableError, match="InternalServerError"):
            consumer.ack(messages)
        raises(consumer, RetryableError)
        down.clear()
        until(lambda: acked(consumer, messages), "the ack works again")
    with opened(stream, **options) as consumer:
        assert nothing_more(consumer)


def test_leases_are_given_back_when_opening_fails_halfway(
    ending_stream: Stream, tmp_path: Path
) -> None:
    """The next try need not wait until those of the first have run out."""
    options = {"position": str(tmp_path / "leases.json"), "lease_duration": 3600.0}
    ending_stream.split()
    ending_stream.split()
    ending_stream.put(["a"])
    with opened(ending_stream, **options) as consumer:
        assert texts(consumer, 1) == ["a"]
    written = []

    def second_fails(*given: Any, **named: Any) -> Any:
        written.append(given)
        if len(written) == 2:
            raise OSError(errno.EIO, "as asked for")
        return true(*given, **named)

    true = tempfile.mkstemp
    with (
        mock.patch.object(tempfile, "mkstemp", second_fails),
        pytest.raises(RetryableError, match="as asked for"),
        opened(ending_stream, **options),
    ):
        pass
    ending_stream.put_all([(f"key {i}", "b") for i in range(10)])
    with opened(ending_stream, **options) as consumer:
        assert texts(consumer, 10) == ["b"] * 10
