"""One topic of SNS: the calls of boto3 that we make, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from geowatch_aws._batch import answered
from geowatch_aws._errors import Refusal, is_denied, translated
from geowatch_aws._session import Session
from geowatch_aws.sns.backend import LARGEST, USUAL
from geowatch_aws.sns.options import SnsProducerOptions
from geowatch_core.errors import PermanentError
from geowatch_core.outcome import Confirmed

__all__ = ["Topic"]

_log = logging.getLogger(__name__)


class Topic:
    """An open topic.

    Args:
        options: of the role.
        calls: most calls at the same time.

    Attributes:
        largest: bytes of the largest message, and of a batch.
        by_content: whether a FIFO topic drops messages of equal content.
    """

    def __init__(self, options: SnsProducerOptions, *, calls: int) -> None:
        self._options = options
        self._name = options.full_topic
        self._session = Session("sns", options, calls=calls)
        self._client = self._session.client
        try:
            self._arn = options.topic if options.is_arn else self._found()
            self._look()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def drop(self) -> None:
        """Delete the topic, and what is subscribed to it."""
        with translated("delete the topic", self._name):
            self._client.delete_topic(TopicArn=self._arn)

    def send(self, entries: Sequence[Mapping[str, Any]]) -> list[Confirmed | Refusal]:
        """Publish at most ten; what became of each."""
        doing = "publish to the topic"
        with translated(doing, self._name):
            answer = self._client.publish_batch(
                TopicArn=self._arn, PublishBatchRequestEntries=entries
            )
        return answered(answer, len(entries), doing, self._name)

    def _found(self) -> str:
        """Its ARN. There is no call that finds one by its name: all are listed."""
        with translated("find the topic", self._name):
            for page in self._client.get_paginator("list_topics").paginate():
                for topic in page.get("Topics") or ():
                    if str(topic["TopicArn"]).rpartition(":")[2] == self._name:
                        return str(topic["TopicArn"])
        if not self._options.topic_check:
            raise PermanentError(
                "There is no such topic in this region",
                got=self._name,
                fix="Correct the topic, or set topic_check to have it created.",
            )
        attributes = {"FifoTopic": "true"} if self._options.fifo else {}
        with translated("create the topic", self._name):
            answer = self._client.create_topic(Name=self._name, Attributes=attributes)
        return str(answer["TopicArn"])

    def _look(self) -> None:
        """Read what matters of its attributes. Who may only publish is not allowed to."""
        said: Mapping[str, str] = {}
        try:
            with translated("read the attributes of the topic", self._name):
                answer = self._client.get_topic_attributes(TopicArn=self._arn)
            said = answer.get("Attributes") or {}
        except PermanentError as error:
            if not is_denied(error.__cause__):
                raise
            _log.info("%s: its attributes may not be read: %s", self._name, error)
        self.largest = min(int(said.get("MaximumMessageSize") or USUAL), LARGEST)
        self.by_content = said.get("ContentBasedDeduplication", "").lower() == "true"
