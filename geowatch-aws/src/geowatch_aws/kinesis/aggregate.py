"""Takes apart what the Kinesis Producer Library has put together into one record.

The format: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

from __future__ import annotations

import hashlib
import sys
import threading
from functools import cache
from typing import Any, Final

__all__ = ["MAGIC", "parts"]

MAGIC: Final = b"\xf3\x89\x9a\xc2"
_DIGEST: Final = 16
_loading = threading.Lock()


def parts(data: bytes) -> list[tuple[str, bytes]] | None:
    """Partition key and data of each part of an aggregated record; None if it is not one.

    What only looks like one, because its digest or its content is wrong, is not one either: it is
    brought as it is, and whoever decodes it says what is wrong with it.
    """
    if not data.startswith(MAGIC) or len(data) <= len(MAGIC) + _DIGEST:
        return None
    body, digest = data[len(MAGIC) : -_DIGEST], data[-_DIGEST:]
    # The library's own loop over parts prints an error and drops the rest; so only its reader of
    # the format is used.
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return None
    with _loading:
        messages, errors = _format()
    record = messages.AggregatedRecord()
    try:
        record.ParseFromString(body)
        keys = list(record.partition_key_table)
        return [(keys[part.partition_key_index], part.data) for part in record.records]
    except (errors, IndexError):
        return None


@cache
def _format() -> tuple[Any, type[Exception]]:
    """The format as aws-kinesis-agg has it, imported when first met."""
    # Importing it puts its folder at the front of the path, where its `deaggregator` and
    # `messages_pb2` would hide modules of these names; it needs that only while it is imported.
    before = list(sys.path)
    try:
        from aws_kinesis_agg import deaggregator
    finally:
        sys.path[:] = before
    return deaggregator.messages_pb2, deaggregator.google.protobuf.message.DecodeError
