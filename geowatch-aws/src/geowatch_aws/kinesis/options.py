"""The options of ``kinesis``."""

from __future__ import annotations

import enum
import os
from typing import Any

import attrs

from geowatch_aws.kinesis.checkpoint import LATEST, NOTHING, TIMESTAMP, WHOLE, Checkpoint
from geowatch_aws.options import AwsOptions, _client, _endpoint
from geowatch_core import Path, TopicOptions, at_least, option, to_path

__all__ = ["Begin", "KinesisConsumerOptions", "KinesisProducerOptions", "Leases"]


class Begin(enum.StrEnum):
    """Where a shard is begun with that has not been read before."""

    LATEST = "LATEST"
    TRIM_HORIZON = "TRIM_HORIZON"
    AT_TIMESTAMP = "AT_TIMESTAMP"
    AT_SEQUENCE_NUMBER = "AT_SEQUENCE_NUMBER"
    AFTER_SEQUENCE_NUMBER = "AFTER_SEQUENCE_NUMBER"


class Leases(enum.StrEnum):
    """Where leases and positions are kept."""

    MEMORY = "memory"
    FILE = "file"
    DYNAMODB = "dynamodb"


def _path(value: str | os.PathLike[str] | None) -> str | None:
    return None if value is None else os.fsdecode(value)


def _most(bound: int) -> Any:
    def check(_: Any, __: attrs.Attribute[Any], value: int) -> None:
        if not 1 <= value <= bound:
            raise ValueError(f"must be from 1 to {bound}")

    return check


def _number(_: Any, __: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and not value.isdecimal():
        raise ValueError("must be a number, as text: it has too many digits for JSON")


@attrs.frozen(kw_only=True)
class KinesisOptions(AwsOptions, TopicOptions):
    """What every role of Kinesis takes."""

    shards: int = option(
        1, doc="For topic_check: how many shards to create it with.", validator=at_least(1)
    )


@attrs.frozen(kw_only=True)
class KinesisConsumerOptions(KinesisOptions):
    """Options of a Kinesis consumer."""

    shard_id: str | None = option(None, doc="Read this shard only; all of them, if not given.")
    shard_it_type: Begin = option(
        Begin.LATEST,
        doc="Where to begin with what nobody of the group has read before: LATEST, TRIM_HORIZON "
        "or AT_TIMESTAMP; with shard_id also AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER.",
    )
    shard_it_timestamp: float | None = option(
        None, doc="For AT_TIMESTAMP: seconds since 1970.", validator=at_least(0)
    )
    shard_it_sequence_number: str | None = option(
        None,
        doc="For AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER: which, as text.",
        validator=_number,
    )
    group: str | None = option(
        None,
        doc="The application whose processes share the stream; names its table of leases.",
    )
    leases: Leases | None = option(
        None,
        doc="Where positions are kept: memory, file or dynamodb. If not given: dynamodb with a "
        "group, file with a position, otherwise memory, which a restart forgets.",
    )
    position: str | None = option(None, doc="For leases in a file: its path.", converter=_path)
    lease_duration: float = option(
        10.0,
        doc="Seconds without a sign of life after which others take a worker's shards over.",
        validator=at_least(0.2),
    )
    lease_endpoint_url: str | None = option(
        None, doc="Where DynamoDB is, if neither at AWS nor at endpoint_url.", validator=_endpoint
    )
    lease_client: Any = option(
        None, doc="A client of boto3 for DynamoDB, made and closed by you.", converter=_client
    )
    read_interval: float = option(
        0.25,
        doc="Seconds between two reads of a shard. The service allows five reads a second of a "
        "shard, to all readers together.",
        validator=at_least(0.01),
    )
    max_fetch: int = option(
        2_000, doc="Most records of one read of a shard, to 10000.", validator=_most(10_000)
    )
    max_unsettled: int = option(
        100_000,
        doc="Most messages consumed and not settled; more are held back.",
        validator=at_least(1),
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        wanted = self.shard_it_type
        if (wanted is Begin.AT_TIMESTAMP) != (self.shard_it_timestamp is not None):
            raise ValueError("shard_it_type AT_TIMESTAMP and shard_it_timestamp are given together")
        numbered = wanted in (Begin.AT_SEQUENCE_NUMBER, Begin.AFTER_SEQUENCE_NUMBER)
        if numbered != (self.shard_it_sequence_number is not None):
            raise ValueError(
                "a shard_it_type of a SEQUENCE_NUMBER and shard_it_sequence_number are given "
                "together"
            )
        if numbered and self.shard_id is None:
            raise ValueError("a sequence number is one of a shard. Give shard_id with it")
        if self.kept is Leases.FILE and self.position is None:
            raise ValueError("leases in a file need its path. Give position")
        if self.kept is Leases.DYNAMODB and not self.group:
            raise ValueError("leases in DynamoDB need a name for their table. Give group")
        if self.kept is not Leases.FILE and self.position is not None:
            raise ValueError("position is the path of a file. Give leases = file with it")

    @property
    def kept(self) -> Leases:
        """Where leases are kept."""
        if self.leases is not None:
            return self.leases
        if self.position is not None:
            return Leases.FILE
        return Leases.DYNAMODB if self.group else Leases.MEMORY

    def begin(self, now: float) -> Checkpoint:
        """Where to begin with a shard that nobody has read before.

        Args:
            now: the service's time, in seconds since 1970.
        """
        number = self.shard_it_sequence_number
        match self.shard_it_type:
            case Begin.LATEST:
                return Checkpoint(LATEST, time=now)
            case Begin.AT_TIMESTAMP:
                return Checkpoint(TIMESTAMP, time=self.shard_it_timestamp)
            case Begin.AFTER_SEQUENCE_NUMBER if number is not None:
                return Checkpoint(str(int(number)), sub=WHOLE)
            case Begin.AT_SEQUENCE_NUMBER if number is not None:
                return Checkpoint(str(int(number)), sub=NOTHING)
            case other:
                return Checkpoint(other.value)


@attrs.frozen(kw_only=True)
class KinesisProducerOptions(KinesisOptions):
    """Options of a Kinesis producer."""

    partition_key: Path | None = option(
        None,
        doc="The path of the value that is the partition key, such as id or properties.vehicle; "
        "the message's own key, if not given.",
        converter=to_path,
    )
    in_order: bool = option(
        False,
        doc="Keep the order of each key strictly: one call for each message, one at a time a key.",
    )
