"""Keeps secrets out of what botocore logs and raises.

At level DEBUG botocore logs whole requests, with the token of temporary credentials among the
headers; and a service that refuses a signature answers with the text that it has signed.
"""

from __future__ import annotations

import logging
import re
import threading

__all__ = ["hidden", "hide"]

_LOGGERS = re.compile(r"(boto3|botocore|urllib3|s3transfer)(\.|$)")
_SHORTEST = 8
"""Characters. AWS's own have 40 and more; what is shorter is a word of somebody's test server, and
would be cut out of other words."""
_secrets: set[str] = set()
_changing = threading.Lock()


def hide(*secrets: str | None) -> None:
    """Show these as ``***`` from now on, wherever the client would show them."""
    with _changing:
        _secrets.update(secret for secret in secrets if secret and len(secret) >= _SHORTEST)
        for name, logger in list(logging.root.manager.loggerDict.items()):
            if isinstance(logger, logging.Logger) and _LOGGERS.match(name):
                logger.addFilter(_filter)  # adding it again does nothing


def hidden(text: str) -> str:
    """`text` without any of the secrets."""
    for secret in tuple(_secrets):
        text = text.replace(secret, "***")
    return text


def _filter(record: logging.LogRecord) -> bool:
    """Passes every record on, without secrets."""
    if _secrets:
        text = record.getMessage()
        safe = hidden(text)
        if safe != text:
            record.msg, record.args = safe, ()
    return True
