"""Consumes from a stream."""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs

from geowatch_aws.kinesis._driver import Client
from geowatch_aws.kinesis.backend import CONSUMER
from geowatch_aws.kinesis.lease import LeaseStore
from geowatch_aws.kinesis.lease_dynamodb import DynamoLeases
from geowatch_aws.kinesis.lease_file import FileLeases
from geowatch_aws.kinesis.lease_memory import MemoryLeases
from geowatch_aws.kinesis.options import Begin, KinesisConsumerOptions, Leases
from geowatch_aws.kinesis.worker import Worker
from geowatch_core import Codec, Consumer, Message, Settlement

_SHARDS_AT_ONCE = 20
_ANSWER = 0.5
"""Seconds that a `consume` waits at least for an answer, when the service has failed before."""


class KinesisConsumer(Consumer):
    """Brings the messages of every shard of a stream, together with the others of its group.

    A shard is read by one process at a time, the one that holds its lease, from where the lease
    says that it was dealt with. Parents are dealt with before their children. A given-back message
    comes again before all later ones of its shard.

    What was consumed from a shard whose lease was lost meanwhile is its new owner's: acking or
    nacking it does nothing.
    """

    capabilities = CONSUMER

    def __init__(self, options: KinesisConsumerOptions, /, *, name: str, codec: Codec) -> None:
        super().__init__(name=name, codec=codec)
        can = attrs.evolve(CONSUMER, max_unsettled=options.max_unsettled)
        if options.kept is Leases.MEMORY:
            if options.group:
                can = attrs.evolve(can, persistent=False)
            else:
                again = options.shard_it_type is Begin.TRIM_HORIZON
                can = attrs.evolve(can, settles=Settlement.NONE, starts_over=again)
        self.capabilities = can
        self._options = options

    @property
    def exhausted(self) -> bool:
        """With ``shard_id``: whether that shard is closed, and all of it was dealt with."""
        return self._opened and self._worker.finished

    def _open(self) -> None:
        options = self._options
        client = Client(options, calls=_SHARDS_AT_ONCE)
        store = self._made_store()
        try:
            stream = client.open(create=options.shards if options.topic_check else None)
            store.open()
            worker = Worker(self.name, client, stream, store, options)
            worker.start()
        except BaseException:
            store.close()
            client.close()
            raise
        self._client, self._store, self._worker = client, store, worker

    def _made_store(self) -> LeaseStore:
        options = self._options
        match options.kept:
            case Leases.DYNAMODB:
                return DynamoLeases(options)
            case Leases.FILE:
                return FileLeases(options.position or "")
        if not options.group:
            return MemoryLeases()
        return MemoryLeases.shared(
            options.endpoint_url or "", options.aws_region or "", options.full_topic, options.group
        )

    def _consume(self, count: int, timeout: float) -> list[Message]:
        began = time.monotonic()
        worker = self._worker
        with worker.changed:
            while not self._closed:
                messages = worker.take(count)
                if messages or worker.finished:
                    return messages
                # That nothing came is for the service to say: a failure would be forgotten
                # otherwise, and asking again would begin anew with the shortest pause.
                failure = worker.failure
                patience = timeout if failure is None else max(timeout, _ANSWER)
                left = began + patience - time.monotonic()
                if left <= 0:
                    if failure is not None:
                        raise failure
                    return messages
                worker.waiting = True
                worker.changed.wait(left)
                worker.waiting = False
        return []

    def _ack(self, messages: Sequence[Message]) -> None:
        self._worker.ack(messages)

    def _nack(self, messages: Sequence[Message]) -> None:
        self._worker.nack(messages)

    def _delete_topic(self) -> bool:
        self._client.delete()
        return True

    def _close(self) -> None:
        self._worker.stop()
        self._store.close()
        self._client.close()
