"""Leases in a table of DynamoDB, in the schema of the Kinesis Client Library.

Its names and types are those of ``DynamoDBLeaseSerializer`` in
https://github.com/awslabs/amazon-kinesis-client; two attributes of our own stand beside them, which
it leaves alone.
"""

from __future__ import annotations

import time
from typing import Any, Final

import attrs

from geowatch_aws._errors import code_of, translated
from geowatch_aws._session import Session
from geowatch_aws.kinesis.checkpoint import Checkpoint
from geowatch_aws.kinesis.lease import Lease, LeaseStore
from geowatch_aws.kinesis.options import KinesisConsumerOptions
from geowatch_core import PermanentError, RetryableError

__all__ = ["DynamoLeases"]

_KEY: Final = "leaseKey"
_STREAM: Final = "geowatchStream"
_TIME: Final = "geowatchTime"
_POLL: Final = 0.1
_ACTIVE_WITHIN: Final = 60.0


class DynamoLeases(LeaseStore):
    """The table that is named after the application, made if it is not there.

    Args:
        options: of the consumer.
    """

    def __init__(self, options: KinesisConsumerOptions) -> None:
        # What the options say of Kinesis itself is not for DynamoDB.
        endpoint = options.lease_endpoint_url or options.endpoint_url
        self._options = attrs.evolve(
            options, endpoint_url=endpoint, client=options.lease_client, config=options.config
        )
        self._table = options.group or ""
        self._session: Session | None = None

    @property
    def _client(self) -> Any:
        assert self._session is not None, "not open"  # noqa: S101 - of our own calls
        return self._session.client

    def open(self) -> None:
        """Make a client, and the table if it is not there."""
        self._session = Session("dynamodb", self._options, calls=2)
        try:
            self._ensure_table()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            self._session.close()

    def _ensure_table(self) -> None:
        deadline = time.monotonic() + _ACTIVE_WITHIN
        while True:
            try:
                with translated("describe the table of leases", self._table):
                    table = self._client.describe_table(TableName=self._table)["Table"]
            except PermanentError as error:
                if code_of(error.__cause__) != "ResourceNotFoundException":
                    raise
                self._create_table()
                continue
            self._check(table)
            if table.get("TableStatus", "ACTIVE") in ("ACTIVE", "UPDATING"):
                return
            if time.monotonic() > deadline:
                raise RetryableError(
                    "The table of leases is not ready yet", got=self._table, fix="Wait for it."
                )
            time.sleep(_POLL)

    def _create_table(self) -> None:
        try:
            with translated("create the table of leases", self._table):
                self._client.create_table(
                    TableName=self._table,
                    AttributeDefinitions=[{"AttributeName": _KEY, "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": _KEY, "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
        except RetryableError as error:
            if code_of(error.__cause__) != "ResourceInUseException":
                raise  # otherwise another worker has created it meanwhile

    def _check(self, table: dict[str, Any]) -> None:
        keys = [(each["AttributeName"], each["KeyType"]) for each in table["KeySchema"]]
        kinds = {each["AttributeName"]: each["AttributeType"] for each in _attributes(table)}
        if keys != [(_KEY, "HASH")] or kinds.get(_KEY) != "S":
            raise PermanentError(
                f"The table {self._table} is not one of leases: its key is not the text {_KEY}",
                got=keys,
                fix="Choose another group: it names the table.",
            )

    def all(self) -> list[Lease]:
        """Every lease."""
        asked: dict[str, Any] = {"TableName": self._table, "ConsistentRead": True}
        leases: list[Lease] = []
        while True:
            with translated("list the leases", self._table):
                answer = self._client.scan(**asked)
            leases += map(self._lease, answer["Items"])
            if not answer.get("LastEvaluatedKey"):
                return leases
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def get(self, key: str) -> Lease | None:
        """The lease of a shard."""
        with translated("read a lease", f"{self._table} {key}"):
            answer = self._client.get_item(
                TableName=self._table, Key={_KEY: {"S": key}}, ConsistentRead=True
            )
        item = answer.get("Item")
        return None if item is None else self._lease(item)

    def create(self, lease: Lease) -> bool:
        """Keep a new lease, if there is none of its key."""
        return self._done(
            "create a lease",
            lease,
            lambda: self._client.put_item(
                TableName=self._table,
                Item=_item(lease),
                ConditionExpression=f"attribute_not_exists({_KEY})",
            ),
        )

    def replace(self, old: Lease, new: Lease) -> bool:
        """Keep `new` where `old` is. What others have written beside it stays."""
        item = _item(new)
        key = {_KEY: item.pop(_KEY)}
        absent = [name for name in ("leaseOwner", _TIME) if name not in item]
        condition, values = _unchanged(old)
        values.update({f":{name}": value for name, value in item.items()})
        change = "SET " + ", ".join(f"{name} = :{name}" for name in item)
        if absent:
            change += " REMOVE " + ", ".join(absent)
        return self._done(
            "write a lease",
            new,
            lambda: self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            ),
        )

    def remove(self, old: Lease) -> bool:
        """Forget a lease."""
        condition, values = _unchanged(old)
        return self._done(
            "remove a lease",
            old,
            lambda: self._client.delete_item(
                TableName=self._table,
                Key={_KEY: {"S": old.key}},
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            ),
        )

    def _done(self, doing: str, lease: Lease, act: Any) -> bool:
        try:
            with translated(doing, f"{self._table} {lease.key}"):
                act()
        except PermanentError as error:
            if code_of(error.__cause__) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _lease(self, item: dict[str, Any]) -> Lease:
        try:
            lease = _read(item)
        except (KeyError, ValueError) as error:
            raise self._strange(item) from error
        if not lease.checkpoint.valid:
            raise self._strange(item)
        return lease

    def _strange(self, item: dict[str, Any]) -> PermanentError:
        return PermanentError(
            f"The table {self._table} holds what is not a lease of the Kinesis Client Library",
            got=item.get(_KEY, {}).get("S"),
            fix="Choose another group: it names the table.",
        )


def _attributes(table: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = table.get("AttributeDefinitions", [])
    return found


def _unchanged(old: Lease) -> tuple[str, dict[str, Any]]:
    """The condition that nobody has written a lease since."""
    values = {":old_counter": {"N": str(old.counter)}}
    if old.owner is None:
        return "leaseCounter = :old_counter AND attribute_not_exists(leaseOwner)", values
    values[":old_owner"] = {"S": old.owner}
    return "leaseCounter = :old_counter AND leaseOwner = :old_owner", values


def _item(lease: Lease) -> dict[str, Any]:
    item: dict[str, Any] = {
        _KEY: {"S": lease.key},
        "leaseCounter": {"N": str(lease.counter)},
        "ownerSwitchesSinceCheckpoint": {"N": str(lease.switches)},
        "checkpoint": {"S": lease.checkpoint.at},
        "checkpointSubSequenceNumber": {"N": str(lease.checkpoint.sub)},
    }
    if lease.owner is not None:
        item["leaseOwner"] = {"S": lease.owner}
    if lease.parents:
        item["parentShardId"] = {"SS": list(lease.parents)}
    if lease.hashes is not None:
        item["startingHashKey"], item["endingHashKey"] = ({"S": each} for each in lease.hashes)
    if lease.stream is not None:
        item[_STREAM] = {"S": lease.stream}
    if lease.checkpoint.time is not None:
        item[_TIME] = {"N": repr(lease.checkpoint.time)}
    return item


def _read(item: dict[str, Any]) -> Lease:
    time = item.get(_TIME)
    hashes = None
    if "startingHashKey" in item and "endingHashKey" in item:
        hashes = (item["startingHashKey"]["S"], item["endingHashKey"]["S"])
    return Lease(
        key=item[_KEY]["S"],
        checkpoint=Checkpoint(
            item["checkpoint"]["S"],
            int(item.get("checkpointSubSequenceNumber", {"N": "0"})["N"]),
            None if time is None else float(time["N"]),
        ),
        owner=item["leaseOwner"]["S"] if "leaseOwner" in item else None,
        counter=int(item["leaseCounter"]["N"]),
        switches=int(item.get("ownerSwitchesSinceCheckpoint", {"N": "0"})["N"]),
        parents=tuple(sorted(item["parentShardId"]["SS"])) if "parentShardId" in item else (),
        stream=item[_STREAM]["S"] if _STREAM in item else None,
        hashes=hashes,
    )
