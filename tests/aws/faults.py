"""Breaks the client of boto3 itself: whole calls, and chosen entries of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

import attrs
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from geowatch_core.testing import Fault

Call = Callable[[Any, str, dict[str, Any]], Any]
"""What botocore calls for each operation: the client, its name, its parameters."""


@attrs.frozen
class Entries:
    """How an operation of batches takes its entries and says which failed: as SQS and SNS do.

    Attributes:
        request: the name of its parameter that has the entries.
    """

    request: str

    def failed(
        self, said: dict[str, Any], out: Mapping[int, dict[str, Any]], fault: Fault
    ) -> dict[str, Any]:
        """The answer `said` for the entries that were let through, and failures of the others."""
        permanent = fault.kind == "permanent"
        code = "InvalidMessageContents" if permanent else "InternalError"
        failed = [
            {"Id": entry["Id"], "Code": code, "Message": "as asked for", "SenderFault": permanent}
            for entry in out.values()
        ]
        return {"Successful": [], **said, "Failed": [*said.get("Failed", ()), *failed]}


@contextmanager
def intercepted(operations: Mapping[str, Callable[[Call, Any, str, Any], Any]]) -> Iterator[None]:
    """Have other code answer for some operations; it is given the true call."""
    true: Call = BaseClient._make_api_call

    def call(client: Any, name: str, given: dict[str, Any]) -> Any:
        other = operations.get(name)
        return true(client, name, given) if other is None else other(true, client, name, given)

    with mock.patch.object(BaseClient, "_make_api_call", call):
        yield


def answer(code: str, status: int, operation: str, headers: Mapping[str, str] = {}) -> ClientError:
    """What botocore raises where a service answers with an error."""
    said: Any = {
        "Error": {"Code": code, "Message": f"{code}, as asked for"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)},
    }
    return ClientError(said, operation)


def failing(fault: Fault, operation: str, *, denied: str = "AccessDeniedException") -> Exception:
    """What the client raises under a fault of a whole call."""
    if fault.kind == "permanent":
        return answer(denied, 403, operation)
    if fault.retry_after is not None:
        return answer(
            "ThrottlingException", 400, operation, {"retry-after": str(fault.retry_after)}
        )
    return EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def broken(
    fault: Fault,
    operations: Mapping[str, Entries | None],
    denied: str = "AccessDeniedException",
) -> Any:
    """A context in which these operations fail as `fault` says; `Entries` for those of batches."""

    def act(true: Call, client: Any, name: str, given: dict[str, Any]) -> Any:
        where = operations[name]
        if fault.indexes is None or where is None:
            raise failing(fault, name, denied=denied)
        entries = given[where.request]
        out = {i: entries[i] for i in range(len(entries)) if i in fault.indexes}
        through = [entry for i, entry in enumerate(entries) if i not in out]
        said = true(client, name, {**given, where.request: through}) if through else {}
        return where.failed(said, out, fault)

    return intercepted(dict.fromkeys(operations, act))
