"""Flows in processes of their own, to be killed.

A process that has imported everything forks one for each flow, so that a kill costs little time.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from geowatch_core import Broker, Message, Retry, provision

_log = logging.getLogger(__name__)


class Flows:
    """Starts flows, kills them, and stops them.

    Args:
        log: where they say what went wrong.
    """

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.aws.flows"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _ask(self, **request: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, source: Mapping[str, Any], sink: Mapping[str, Any], **broker: Any) -> int:
        """Run a broker until it is killed or stopped; its process."""
        return self._ask(source=dict(source), sink=dict(sink), broker=broker)

    def kill(self, process: int) -> None:
        """SIGKILL. It was running until then: its end is looked at."""
        os.kill(process, signal.SIGKILL)
        status = self._ask(wait=process)
        assert os.WIFSIGNALED(status), f"it had ended by itself: {self.said()}"

    def said(self) -> str:
        """What the flows said went wrong."""
        return self._log.read_text()[-3000:]

    def stop(self, process: int) -> int:
        """SIGTERM, and wait; its exit code."""
        os.kill(process, signal.SIGTERM)
        return os.waitstatus_to_exitcode(self._ask(wait=process))


class _Flow(Broker):
    """Takes the signals that came before it listened to them."""

    def consume(self, source: Any, stopped: threading.Event) -> list[Message]:
        """The first call comes when it listens."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        return super().consume(source, stopped)


def _run(source: dict[str, Any], sink: dict[str, Any], broker: dict[str, Any]) -> int:
    consumer = provision(**source)
    destination = provision(**sink)
    where = {"stores_out" if sink["role"] == "store" else "producers": [destination]}
    try:
        _Flow(consumers=[consumer], retry=Retry(base=0.01), **where, **broker).run()
    except Exception:
        _log.exception("the flow failed")
        return 1
    return 0


def _serve() -> None:
    import boto3

    import geowatch_aws.kinesis.consumer
    import geowatch_aws.kinesis.producer
    import geowatch_aws.s3.store
    import geowatch_aws.sns.producer
    import geowatch_aws.sqs.consumer
    import geowatch_aws.sqs.producer  # noqa: F401 - so that none of the forked ones must
    from geowatch_aws._session import _loader

    for service in ("kinesis", "s3", "sns", "sqs"):
        _loader().load_service_model(service, "service-2")
    assert boto3
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitpid(request["wait"], 0)[1]
        elif not (answer := os.fork()):
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            code = 1
            try:
                code = _run(request["source"], request["sink"], request["broker"])
            finally:
                os._exit(code)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
