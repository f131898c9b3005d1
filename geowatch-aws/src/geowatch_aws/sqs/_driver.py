"""One queue of SQS: the calls of boto3 that we make, and nothing else."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from geowatch_aws._batch import answered
from geowatch_aws._errors import Refusal, code_of, is_denied, translated
from geowatch_aws._session import Session
from geowatch_aws.sqs.backend import ENTRIES, LARGEST, VISIBILITY
from geowatch_aws.sqs.options import SqsOptions
from geowatch_core.errors import PermanentError
from geowatch_core.outcome import Confirmed

__all__ = ["Queue", "Settled"]

Settled = Confirmed | Refusal | None
"""What became of a receipt handle: None, if it is no longer good."""

_log = logging.getLogger(__name__)
_MISSING: Final = ("QueueDoesNotExist", "NonExistentQueue")
_EXPIRED: Final = (
    "InvalidParameterValue",
    "MessageNotInflight",
    "ReceiptHandleIsInvalid",
)


class Queue:
    """An open queue.

    Args:
        options: of the role.
        calls: most calls at the same time.
        patience: seconds that a call may be asked to wait.

    Attributes:
        largest: bytes of the largest message that it takes.
        visibility: seconds that it hides a received message; None if it may not be asked.
        by_content: whether a FIFO queue drops messages of equal content.
    """

    def __init__(self, options: SqsOptions, *, calls: int, patience: float = 0.0) -> None:
        self._options = options
        self._name = options.full_topic
        self._session = Session("sqs", options, calls=calls, patience=patience)
        self._client = self._session.client
        self._attempt = ""
        try:
            self._url = self._found()
            self._look()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def drop(self) -> None:
        """Delete the queue, with all that it holds."""
        with translated("delete the queue", self._name):
            self._client.delete_queue(QueueUrl=self._url)

    def send(self, entries: Sequence[Mapping[str, Any]]) -> list[Confirmed | Refusal]:
        """Send at most ten; what became of each."""
        doing = "send to the queue"
        with translated(doing, self._name):
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return answered(answer, len(entries), doing, self._name)

    def receive(self, count: int, wait: int, visibility: int | None) -> list[dict[str, Any]]:
        """At most `count` messages, ten at most; waits up to `wait` seconds for the first."""
        more: dict[str, Any] = {} if visibility is None else {"VisibilityTimeout": visibility}
        if self._options.fifo:
            # With the id of an attempt whose answer was lost the same messages are given again.
            self._attempt = self._attempt or uuid.uuid4().hex
            more["ReceiveRequestAttemptId"] = self._attempt
            more["AttributeNames"] = ["MessageGroupId", "SequenceNumber"]
        with translated("receive from the queue", self._name):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(count, ENTRIES),
                WaitTimeSeconds=wait,
                MessageAttributeNames=["All"],
                **more,
            )
        self._attempt = ""
        messages: list[dict[str, Any]] = answer.get("Messages") or []
        return messages

    def delete(self, handles: Sequence[str]) -> list[Settled]:
        """Delete at most ten messages by their receipt handles; what became of each."""
        doing = "delete from the queue"
        entries = [{"Id": str(i), "ReceiptHandle": handle} for i, handle in enumerate(handles)]
        with translated(doing, self._name):
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return _settled(answer, len(entries), doing, self._name)

    def hide(self, handles: Sequence[str], seconds: int) -> list[Settled]:
        """Have at most ten messages stay hidden for so long from now; what became of each."""
        doing = "change the visibility of messages of the queue"
        entries = [
            {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for i, handle in enumerate(handles)
        ]
        with translated(doing, self._name):
            answer = self._client.change_message_visibility_batch(
                QueueUrl=self._url, Entries=entries
            )
        return _settled(answer, len(entries), doing, self._name)

    def _found(self) -> str:
        """Its URL; it is created where it is missing and that was asked for."""
        if self._options.is_url:
            return self._options.topic
        try:
            with translated("find the queue", self._name):
                answer = self._client.get_queue_url(QueueName=self._name)
        except PermanentError as error:
            missing = code_of(error.__cause__).rpartition(".")[2] in _MISSING
            if not (missing and self._options.topic_check):
                raise
            return self._created()
        return str(answer["QueueUrl"])

    def _created(self) -> str:
        attributes = {"FifoQueue": "true"} if self._options.fifo else {}
        with translated("create the queue", self._name):
            answer = self._client.create_queue(QueueName=self._name, Attributes=attributes)
        return str(answer["QueueUrl"])

    def _look(self) -> None:
        """Read what matters of its attributes. Who may only send is not allowed to."""
        said: Mapping[str, str] = {}
        try:
            with translated("read the attributes of the queue", self._name):
                answer = self._client.get_queue_attributes(
                    QueueUrl=self._url, AttributeNames=["All"]
                )
            said = answer.get("Attributes") or {}
        except PermanentError as error:
            if not is_denied(error.__cause__):
                raise
            _log.info("%s: its attributes may not be read: %s", self._name, error)
        self.largest = min(int(said.get("MaximumMessageSize") or LARGEST), LARGEST)
        seconds = said.get("VisibilityTimeout", VISIBILITY if said else None)
        self.visibility = None if seconds is None else int(seconds)
        self.by_content = said.get("ContentBasedDeduplication", "").lower() == "true"


def _settled(answer: Mapping[str, Any], count: int, doing: str, what: str) -> list[Settled]:
    outcomes: list[Settled] = list(answered(answer, count, doing, what))
    for entry in answer.get("Failed") or ():
        if str(entry.get("Code", "")).rpartition(".")[2] in _EXPIRED:
            outcomes[int(entry["Id"])] = None
    return outcomes
