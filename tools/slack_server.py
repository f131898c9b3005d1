"""A Slack for tests and examples: what GeoWatch uses of it, from Slack's documentation.

    python -m tools.slack_server PORT LOG [--rate 1]

It has any channel that somebody names, any token that begins with ``xoxb-``, and any webhook
whose path is ``/services/CHANNEL/…``. What it was sent is in the file LOG, one JSON object on a
line, written before it answers: the log outlives the process, and a server that starts with it
goes on from there. ``/control/…`` is for whoever tests: it breaks things, and tells what there is;
`tools.slack` speaks it.

Sources, on https://docs.slack.dev: messaging/formatting-message-text, reference/methods/
chat.postMessage and conversations.history, apis/web-api/rate-limits, messaging/
sending-messages-using-incoming-webhooks, changelog 2018-04-truncating-really-long-messages; and
https://github.com/slackapi/bolt-js/issues/2867 for the limit of all blocks together.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

TEXT, BLOCKS, SECTION, ALL_BLOCKS, HEADER, FIELD = 40_000, 50, 3_000, 13_000, 150, 2_000
WEBHOOK_STATUS = {"channel_not_found": 404, "no_service": 404, "channel_is_archived": 410}


class Refused(Exception):  # noqa: N818 - an answer, and not a failure of this server
    """What is answered instead of ``ok``."""

    def __init__(self, error: str, status: int = 200, retry_after: str | None = None) -> None:
        super().__init__(error)
        self.error, self.status, self.retry_after = error, status, retry_after


class Slack:
    """Channels and what was posted there.

    Args:
        log: the file that remembers it.
        rate: posts a second that a channel takes; 0 for any number.
    """

    def __init__(self, log: Path, rate: float) -> None:
        self.rate = rate
        self.page = 999
        self.faults: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.requests: list[dict[str, Any]] = []
        self._messages: dict[str, list[dict[str, Any]]] = {}
        self._archived: set[str] = set()
        self._missing: set[str] = set()
        self._free: dict[str, float] = {}
        self._last = 0
        for line in log.read_bytes().split(b"\n")[:-1] if log.exists() else ():
            self._keep(json.loads(line))
        self._log = log.open("ab")

    # --- the service ---------------------------------------------------------------------------

    def call(self, method: str, given: dict[str, Any], token: str | None) -> dict[str, Any]:
        """Answer one call of the web API."""
        if not token:
            raise Refused("not_authed")
        if not token.startswith("xoxb-") or "revoked" in token:
            raise Refused("invalid_auth")
        bot = hashlib.sha256(token.encode()).hexdigest()[:9].upper()
        me = {"user": f"U{bot}", "bot_id": f"B{bot}"}
        if method == "auth.test":
            return {"team": "GeoWatch", "team_id": "T0GEO", "user_id": me["user"], **me}
        if method == "chat.postMessage":
            return self._post(self._channel(given.get("channel")), given, me)
        if method == "conversations.history":
            return self._history(given)
        if method == "conversations.list":
            names = sorted(self._messages)
            start = int(given.get("cursor") or 0)
            end = start + min(int(given.get("limit", 100)), self.page)
            cursor = str(end) if end < len(names) else ""
            return {
                "channels": [{"id": _id(name), "name": name} for name in names[start:end]],
                "response_metadata": {"next_cursor": cursor},
            }
        if method in ("conversations.create", "conversations.join"):
            return self._made(method, given)
        raise Refused("unknown_method")

    def webhook(self, path: str, given: dict[str, Any]) -> None:
        """Take what was sent to an incoming webhook."""
        name = path.split("/")[2]
        if "revoked" in path:
            raise Refused("no_service")
        try:
            self._post(self._channel(name), given, {"bot_id": "BWEBHOOK"})
        except Refused as refused:
            code = "channel_is_archived" if refused.error == "is_archived" else refused.error
            status = WEBHOOK_STATUS.get(code, 400) if refused.status == 200 else refused.status
            raise Refused(code, status, refused.retry_after) from None

    def _channel(self, given: Any) -> str:
        name = str(given or "").removeprefix("#")
        name = next((known for known in self._messages if _id(known) == name), name)
        if not name or name in self._missing or re.fullmatch(r"C[0-9A-F]{10}", name):
            raise Refused("channel_not_found")
        if name in self._archived:
            raise Refused("is_archived")
        return name

    def _made(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        name = str(given.get("name") or given.get("channel"))
        if method == "conversations.create" and name in self._messages:
            raise Refused("name_taken")
        self._missing.discard(name)
        name = self._channel(name)
        self._messages.setdefault(name, [])
        return {"channel": {"id": _id(name), "name": name}}

    def _post(self, channel: str, given: dict[str, Any], who: dict[str, Any]) -> dict[str, Any]:
        text, blocks = given.get("text") or "", given.get("blocks") or []
        if not text.strip() and not blocks:
            raise Refused("no_text")
        _check_blocks(blocks)
        now = time.monotonic()
        wait = self._free.get(channel, 0.0) - now
        if self.rate and wait > 0:
            raise Refused("ratelimited", 429, str(math.ceil(wait)))
        if self.rate:
            self._free[channel] = now + 1 / self.rate
        more = {name: given[name] for name in ("blocks", "metadata", "link_names", "parse")
                if name in given}  # fmt: skip
        message = {"type": "message", "text": text[:TEXT], **more, **who}
        entry = self._keep({"channel": channel, "message": message, "at": time.time()})
        self._log.write(json.dumps(entry).encode() + b"\n")
        self._log.flush()
        warned = {"warning": "message_truncated"} if len(text) > TEXT else {}
        return {"channel": _id(channel), "ts": message["ts"], "message": message, **warned}

    def put(self, channel: str, message: dict[str, Any]) -> None:
        """Post as a person would."""
        given = {"type": "message", "user": "U0PERSON", **message}
        entry = self._keep({"channel": channel, "message": given, "at": time.time()})
        self._log.write(json.dumps(entry).encode() + b"\n")
        self._log.flush()

    def _keep(self, entry: dict[str, Any]) -> dict[str, Any]:
        message = entry["message"]
        if "ts" not in message:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            message["ts"] = f"{self._last // 1_000_000}.{self._last % 1_000_000:06}"
        else:
            self._last = max(self._last, _micros(message["ts"]))
        self._messages.setdefault(entry["channel"], []).append(message)
        return entry

    def _history(self, given: dict[str, Any]) -> dict[str, Any]:
        wanted = str(given.get("channel"))
        name = next((known for known in self._messages if _id(known) == wanted), None)
        if name is None or name in self._missing:
            raise Refused("channel_not_found")  # by its id only, as Slack's documentation says
        oldest = _micros(given.get("oldest") or "0")
        latest = _micros(given.get("cursor") or given.get("latest") or "99999999999")
        both = str(given.get("inclusive", "0")).lower() in ("1", "true") and "cursor" not in given
        found = [
            message
            for message in sorted(self._messages[name], key=lambda m: -_micros(m["ts"]))
            if oldest < _micros(message["ts"]) < latest
            or (both and _micros(message["ts"]) in (oldest, latest))
        ]
        limit = min(int(given.get("limit", 100)), self.page)
        more = len(found) > limit
        cursor = {"next_cursor": found[limit - 1]["ts"]} if more else {}
        return {"messages": found[:limit], "has_more": more, "response_metadata": cursor}

    # --- whoever tests -------------------------------------------------------------------------

    def control(self, what: str, given: dict[str, Any]) -> Any:
        """Break something, or tell what there is."""
        if what == "posts":
            return self._messages.get(given["channel"], [])[given.get("after", 0) :]
        if what == "put":
            for message in given["messages"]:
                self.put(given["channel"], message)
        elif what == "make":
            self._messages.setdefault(given["channel"], [])
        elif what == "fault":
            self.faults.append({**given, "seen": 0})
        elif what == "mend":
            self.faults.clear()
            self.released.set()
            self.released = threading.Event()
        elif what == "requests":
            return self.requests
        elif what == "set":
            self.rate, self.page = given.get("rate", self.rate), given.get("page", self.page)
            self._archived.update(given.get("archived", ()))
            self._missing.update(given.get("missing", ()))
        return None

    def fault(self, method: str, channel: str) -> dict[str, Any] | None:
        """How the next call of this method on this channel fails, if it does."""
        for fault in self.faults:
            if fault["method"] in (method, "*") and fault.get("channel") in (None, channel):
                number = fault["seen"]
                fault["seen"] += 1
                if fault.get("indexes") is None or number in fault["indexes"]:
                    return fault
        return None


def _check_blocks(blocks: list[Any]) -> None:
    """Refuse what the reference of Block Kit forbids."""
    if len(blocks) > BLOCKS:
        raise Refused("invalid_blocks")
    total = 0
    for block in blocks:
        kind, fields = block.get("type"), block.get("fields", [])
        texts = [part["text"] for part in [block.get("text"), *fields, *block.get("elements", [])]
                 if isinstance(part, dict) and isinstance(part.get("text"), str)]  # fmt: skip
        most = {"section": SECTION, "header": HEADER}.get(kind, SECTION)
        if any(not text or len(text) > most for text in texts) or kind is None:
            raise Refused("invalid_blocks")
        if any(len(part["text"]) > FIELD for part in fields):
            raise Refused("invalid_blocks")
        total += sum(map(len, texts))
    if total > ALL_BLOCKS:
        raise Refused("msg_blocks_too_long")


def _id(name: str) -> str:
    return "C" + hashlib.sha256(name.encode()).hexdigest()[:10].upper()


def _micros(ts: str) -> int:
    seconds, _, rest = str(ts).partition(".")
    return int(seconds) * 1_000_000 + int(f"{rest:0<6}"[:6])


class _Handler(BaseHTTPRequestHandler):
    """One request; the server's attribute ``slack`` is what it speaks for."""

    slack: Slack

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.headers.get("Content-Type", "")
        given = json.loads(body or b"{}") if "json" in kind else dict(parse_qsl(body.decode()))
        where, _, what = self.path.removeprefix("/").partition("/")
        if where == "control":
            with self.slack.lock:
                answer = self.slack.control(what, given)
            self._answer(200, json.dumps(answer))
        elif where == "services":
            self._service("webhook", self.path.split("/")[2], given)
        else:
            self._service(what, str(given.get("channel", "")).removeprefix("#"), given)

    def _service(self, method: str, channel: str, given: dict[str, Any]) -> None:
        slack = self.slack
        with slack.lock:
            fault = slack.fault(method, channel)
            released = slack.released
            seen = {"method": method, "channel": channel, "at": time.monotonic(), "status": None}
            slack.requests.append(seen)
        if fault and fault.get("hold"):
            released.wait(120)
        if fault and fault.get("reset") == "before":
            return self._reset()
        if fault and "status" in fault:
            seen["status"] = fault["status"]
            return self._answer(
                fault["status"], fault.get("body", ""), fault.get("headers", {}), fault.get("type")
            )
        try:
            if fault and "error" in fault:
                raise Refused(fault["error"], fault.get("with_status", 200))
            with slack.lock:
                if method == "webhook":
                    slack.webhook(self.path, given)
                    answer = "ok"
                else:
                    token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                    answer = json.dumps({"ok": True, **slack.call(method, given, token)})
            seen["status"] = 200
        except Refused as refused:
            seen["status"] = refused.status if refused.status != 200 else refused.error
            headers = {"Retry-After": refused.retry_after} if refused.retry_after else {}
            if method == "webhook":
                status = WEBHOOK_STATUS.get(refused.error, refused.status)
                return self._answer(400 if status == 200 else status, refused.error, headers)
            body = json.dumps({"ok": False, "error": refused.error})
            return self._answer(refused.status, body, headers)
        if fault and fault.get("reset") == "after":
            return self._reset()
        if fault and "warning" in fault:
            answer = json.dumps({**json.loads(answer), "warning": fault["warning"]})
        self._answer(200, answer)
        return None

    def _reset(self) -> None:
        """End the connection with a reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _answer(
        self,
        status: int,
        body: str,
        headers: dict[str, str] | None = None,
        kind: str | None = None,
    ) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        default = "application/json" if body.startswith(("{", "[")) else "text/plain"
        self.send_header("Content-Type", kind or default)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
        """Say nothing: the log is a file."""

    def handle(self) -> None:
        """Serve, and let a client go away."""
        try:
            super().handle()
        except (ConnectionError, OSError, ValueError):
            self.close_connection = True

    def finish(self) -> None:
        """End, whatever became of the connection."""
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A Slack on loopback.")
    parser.add_argument("port", type=int)
    parser.add_argument("log", type=Path)
    parser.add_argument("--rate", type=float, default=0.0, help="posts a second of a channel")
    given = parser.parse_args()
    handler = type("Handler", (_Handler,), {"slack": Slack(given.log, given.rate)})
    _Listening(("127.0.0.1", given.port), handler).serve_forever()


if __name__ == "__main__":
    main()
