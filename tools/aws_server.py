"""AWS's services on loopback: moto for all of them, ElasticMQ for SQS, dynalite for DynamoDB.

Run as a program it is moto itself: ``python tools/aws_server.py PORT``.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.local import HOST, Server, free_ports, listening, maven, npm

__all__ = ["KEYS", "dynalite", "elasticmq", "moto"]

KEYS = {
    "aws_region": "us-east-1",
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
}
"""Options that these servers are content with; boto3's own are the same, with other names."""

_ELASTICMQ = "org.elasticmq:elasticmq-server_2.13:1.6.12"
_DYNALITE = "4.0.0"


def moto(folder: Path) -> tuple[Server, str]:
    """Moto's server, not started yet, and its URL. What it holds is in its memory.

    Args:
        folder: where its log goes.
    """
    (port,) = free_ports(1)
    command = [sys.executable, __file__, str(port)]
    url = f"http://{HOST}:{port}"
    log = folder / f"moto-{port}.log"
    # Its modules are found as ours are; it runs where it cannot be given orders by a proxy.
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "no_proxy": HOST}
    return Server(command, ready=lambda: _answers(url), log=log, environment=environment), url


def elasticmq(folder: Path) -> tuple[Server, str]:
    """ElasticMQ, an SQS written by others, and its URL.

    Raises:
        Unavailable: no Java, no Maven, or the jars cannot be fetched.
    """
    jars = maven("elasticmq", _ELASTICMQ)
    port, stats = free_ports(2)
    settings = folder / f"elasticmq-{port}.conf"
    settings.write_text(
        'include classpath("application.conf")\n'
        f'node-address {{ host = "{HOST}", port = {port}, protocol = http, context-path = "" }}\n'
        f'rest-sqs {{ enabled = true, bind-hostname = "{HOST}", bind-port = {port} }}\n'
        f'rest-stats {{ enabled = false, bind-hostname = "{HOST}", bind-port = {stats} }}\n'
    )
    java = ["java", "-Xmx256m", f"-Dconfig.file={settings}", "-cp", jars]
    command = [*java, "org.elasticmq.server.Main"]
    log = folder / f"elasticmq-{port}.log"
    return Server(command, ready=lambda: listening(port), log=log), f"http://{HOST}:{port}"


def dynalite(folder: Path) -> tuple[Server, str]:
    """Dynalite, a DynamoDB written by others, in memory, and its URL.

    Raises:
        Unavailable: no Node.js, or npm cannot fetch it.
    """
    modules = npm("dynalite", _DYNALITE)
    (port,) = free_ports(1)
    command = ["node", modules / "dynalite" / "cli.js", "--host", HOST, "--port", str(port)]
    log = folder / f"dynalite-{port}.log"
    server = Server([*command, "--createTableMs", "0"], ready=lambda: listening(port), log=log)
    return server, f"http://{HOST}:{port}"


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/", timeout=5) as got:
        return bool(got.status == 200)
    return False


def _one_at_a_time(act: Callable[..., Any]) -> Any:
    """A function that only one thread is in."""
    lock = threading.Lock()

    @functools.wraps(act)
    def locked(*arguments: Any, **more: Any) -> Any:
        with lock:
            return act(*arguments, **more)

    return locked


def _serve(port: int) -> None:
    """Serve."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import run_simple

    class Handler(MotoRequestHandler):
        def log_request(self, *_: Any) -> None:
            """A line for each request would be most of what it does."""

    _quicken()
    _lock()
    app = DomainDispatcherApplication(create_backend_app)
    run_simple(HOST, port, app, threaded=True, request_handler=Handler)  # type: ignore[arg-type]


def _lock() -> None:
    """Make moto safe for threads where it is not.

    Two puts at the same time get one sequence number, and one of the records is lost; two
    conditional writes both see that their condition holds.
    """
    from moto.dynamodb.responses import DynamoHandler
    from moto.kinesis.models import Shard

    Shard.put_record = _one_at_a_time(Shard.put_record)  # type: ignore[method-assign]
    DynamoHandler.call_action = _one_at_a_time(  # type: ignore[method-assign]
        DynamoHandler.call_action
    )


def _quicken() -> None:
    """Have moto's queues do what they do, only in time, and for several callers at once.

    Without a lock one receiver gets what another one got, and a delete forgets what came meanwhile.
    It looks at a waiting poll again after a second, so that a poll of one second takes two; and
    counts all messages of a queue, with a clock that is read for each of them, whenever it looks
    at one of them.
    """
    from moto.sqs.models import Queue, SQSBackend

    receive = SQSBackend.receive_message

    def receive_message(
        backend: Any, name: str, count: int, wait: int, visibility: int, names: Any = None
    ) -> list[Any]:
        deadline = time.monotonic() + wait
        while True:
            with backend.get_queue(name)._messages_lock:
                got: list[Any] = receive(backend, name, count, 0, visibility, names)
            if got or time.monotonic() >= deadline:
                return got
            time.sleep(0.02)

    def locked(method: Any) -> Any:
        def call(queue: Any, *given: Any) -> Any:
            with queue._messages_lock:
                return method(queue, *given)

        return call

    def messages(queue: Any) -> list[Any]:
        now = time.time() * 1000
        return [m for m in queue._messages if m.visible_at < now and m.delayed_until <= now]

    def hidden(queue: Any) -> int:
        now = time.time() * 1000
        return sum(message.visible_at >= now for message in queue._messages)

    def delayed(queue: Any) -> int:
        now = time.time() * 1000
        return sum(message.delayed_until > now for message in queue._messages)

    def is_kept(backend: Any, name: str, message: Any) -> bool:
        kept = backend.get_queue(name).message_retention_period
        return bool(message.sent_timestamp / 1000 + kept > time.time())

    Queue.messages = property(messages)
    Queue.approximate_number_of_messages_not_visible = property(hidden)
    Queue.approximate_number_of_messages_delayed = property(delayed)
    Queue.add_message = locked(Queue.add_message)
    Queue.delete_message = locked(Queue.delete_message)
    SQSBackend.receive_message = receive_message
    SQSBackend.is_message_valid_based_on_retention_period = is_kept


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
