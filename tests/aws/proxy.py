"""A proxy of HTTP in front of a service, that fails as it is told to."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

PASS, THROTTLE, FAIL, LOSE = "pass", "throttle", "fail", "lose"
"""Answer as the service does; with a throttle; with a 500; or not at all, once it has acted."""


class Proxy:
    """Passes requests on, and counts them by operation.

    Args:
        url: of the service.
        decide: told an operation, says what becomes of a call of it.
    """

    def __init__(self, url: str, decide: Callable[[str], str]) -> None:
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.decide = decide
        self._counting = threading.Lock()
        self._target = urlsplit(url).netloc
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                proxy._handle(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        with self._counting:
            self.calls[operation] += 1
            what = self.decide(operation)
            self.faults[what] += 1
        if what in (PASS, LOSE):
            status, headers, answer = self._passed_on(request, body)
            if what == LOSE:
                request.close_connection = True
                return
        else:
            code = "ThrottlingException" if what == THROTTLE else "InternalFailure"
            status, headers = (400 if what == THROTTLE else 500), {}
            answer = json.dumps({"__type": f"com.amazonaws#{code}", "message": what}).encode()
        request.send_response(status)
        headers["Content-Length"] = str(len(answer))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(answer)

    def _passed_on(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self._target, timeout=60)
        try:
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            kept = {"content-type", "x-amzn-requestid"}
            headers = {k: v for k, v in answer.getheaders() if k.lower() in kept}
            return answer.status, headers, answer.read()
        finally:
            connection.close()


def storm(
    seed: int, *, throttles: float, failures: float, lost: float = 0.0
) -> Callable[[str], str]:
    """So many of all calls, in hundredths of one, fail in each way."""
    rng = random.Random(seed)

    def decide(_: str) -> str:
        drawn = rng.random()
        if drawn < throttles:
            return THROTTLE
        if drawn < throttles + failures:
            return FAIL
        return LOSE if drawn < throttles + failures + lost else PASS

    return decide
