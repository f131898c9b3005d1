"""Every place that keeps leases keeps them alike: in memory, in a file, in two DynamoDBs."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from geowatch_aws.kinesis.checkpoint import LATEST, SHARD_END, TRIM_HORIZON, Checkpoint
from geowatch_aws.kinesis.lease import Lease, LeaseStore
from geowatch_aws.kinesis.lease_dynamodb import DynamoLeases
from geowatch_aws.kinesis.lease_file import FileLeases
from geowatch_aws.kinesis.lease_memory import MemoryLeases
from geowatch_aws.kinesis.options import KinesisConsumerOptions
from geowatch_core import OptionsError, PermanentError, RetryableError
from tests.aws.conftest import raw_client
from tools.aws_server import KEYS, dynalite
from tools.local import Unavailable

LEASE = Lease(
    key="shardId-000000000003",
    checkpoint=Checkpoint(TRIM_HORIZON),
    parents=("shardId-000000000001", "shardId-000000000002"),
    stream="tiles:1764433000",
    hashes=("0", str((1 << 128) - 1)),
)


@pytest.fixture(scope="module")
def dynalite_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a second DynamoDB is."""
    try:
        server, url = dynalite(tmp_path_factory.mktemp("dynalite"))
    except Unavailable as error:
        pytest.skip(str(error))
    with server:
        yield url


def options(url: str, group: str) -> KinesisConsumerOptions:
    """Options of a consumer whose leases are in that DynamoDB."""
    given = {**KEYS, "topic": "tiles", "group": group, "lease_endpoint_url": url}
    return KinesisConsumerOptions.read(given)


@pytest.fixture
def group() -> str:
    """A name that no other test has."""
    return f"leases-{random.randrange(1 << 40):x}"


@pytest.fixture(params=["memory", "file", "moto", "dynalite"])
def make(
    request: pytest.FixtureRequest, tmp_path: Path, group: str
) -> Iterator[Callable[[], LeaseStore]]:
    """Makes an open store; another call makes another one at the same place."""
    made: list[LeaseStore] = []

    def store() -> LeaseStore:
        found: LeaseStore
        if request.param == "memory":
            found = MemoryLeases.shared(group)
        elif request.param == "file":
            found = FileLeases(tmp_path / "leases.json")
        else:
            found = DynamoLeases(options(request.getfixturevalue(f"{request.param}_url"), group))
        found.open()
        made.append(found)
        return found

    yield store
    for each in made:
        each.close()


def test_a_lease_is_read_as_it_was_written(make: Callable[[], LeaseStore]) -> None:
    """Every field, the absent ones too, also by another worker."""
    store = make()
    plain = Lease(key="plain", checkpoint=Checkpoint(LATEST, time=1764433000.5))
    assert store.all() == []
    assert store.get(LEASE.key) is None
    assert store.create(LEASE)
    assert store.create(plain)
    other = make()
    assert other.get(LEASE.key) == LEASE
    assert sorted(other.all(), key=lambda lease: lease.key) == [plain, LEASE]


def test_a_lease_is_created_once(make: Callable[[], LeaseStore]) -> None:
    """Two workers that start together agree on who made it."""
    store = make()
    assert store.create(LEASE)
    assert not make().create(msgspec.structs.replace(LEASE, checkpoint=Checkpoint("9")))
    assert store.get(LEASE.key) == LEASE


def test_a_lease_is_replaced_as_a_whole(make: Callable[[], LeaseStore]) -> None:
    """Owner, counter, checkpoint and time move together; what is None is gone."""
    store = make()
    first = msgspec.structs.replace(LEASE, checkpoint=Checkpoint(LATEST, time=5.0))
    store.create(first)
    owned = msgspec.structs.replace(
        first, owner="w", counter=1, switches=1, checkpoint=Checkpoint("495", sub=3)
    )
    assert store.replace(first, owned)
    assert store.get(LEASE.key) == owned
    ended = msgspec.structs.replace(
        owned, owner=None, counter=2, switches=0, checkpoint=Checkpoint(SHARD_END)
    )
    assert store.replace(owned, ended)
    assert store.get(LEASE.key) == ended


@pytest.mark.parametrize("changed", [{"counter": 4}, {"owner": "other"}, {"owner": None}])
def test_a_lease_that_somebody_has_written_is_not_replaced(
    make: Callable[[], LeaseStore], changed: dict[str, Any]
) -> None:
    """The fence: owner and counter must both be those that were read."""
    store = make()
    mine = msgspec.structs.replace(LEASE, owner="mine", counter=3)
    now = msgspec.structs.replace(mine, **changed)
    store.create(now)
    late = msgspec.structs.replace(mine, counter=4, checkpoint=Checkpoint("999"))
    assert not store.replace(mine, late)
    assert not store.remove(mine)
    assert store.get(LEASE.key) == now


def test_a_lease_that_is_gone_is_not_replaced(make: Callable[[], LeaseStore]) -> None:
    """Nor does replacing bring it back."""
    store = make()
    store.create(LEASE)
    assert store.remove(LEASE)
    assert not store.replace(LEASE, msgspec.structs.replace(LEASE, counter=1))
    assert not store.remove(LEASE)
    assert store.all() == []


def test_of_many_writers_one_wins(make: Callable[[], LeaseStore]) -> None:
    """Each of eight threads writes as if it were alone, ten times; one of them gets through."""
    store = make()
    store.create(LEASE)
    for turn in range(10):
        old = store.get(LEASE.key)
        assert old is not None
        won: list[str] = []
        together = threading.Barrier(8)

        def write(name: str, old: Lease = old, won: list[str] = won, wait: Any = together) -> None:
            wait.wait()
            new = msgspec.structs.replace(old, owner=name, counter=old.counter + 1)
            if store.replace(old, new):
                won.append(name)

        threads = [threading.Thread(target=write, args=(f"w{i}",)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        now = store.get(LEASE.key)
        assert now is not None
        assert won == [now.owner], turn
        assert now.counter == old.counter + 1


def test_many_leases_are_listed(make: Callable[[], LeaseStore]) -> None:
    """All pages of a list."""
    store = make()
    keys = [f"shardId-{number:012}" for number in range(60)]
    for key in keys:
        store.create(msgspec.structs.replace(LEASE, key=key))
    assert sorted(lease.key for lease in store.all()) == keys


@pytest.mark.parametrize("server", ["moto", "dynalite"])
def test_the_table_is_one_of_the_kinesis_client_library(
    server: str, group: str, request: pytest.FixtureRequest
) -> None:
    """Names and types of its attributes, as its own serializer has them; ours beside them."""
    url = request.getfixturevalue(f"{server}_url")
    store = DynamoLeases(options(url, group))
    store.open()
    owned = msgspec.structs.replace(
        LEASE, owner="w", counter=7, switches=1, checkpoint=Checkpoint("49590", sub=2, time=5.5)
    )
    store.create(owned)
    raw = raw_client("dynamodb", url)
    item = raw.get_item(TableName=group, Key={"leaseKey": {"S": LEASE.key}})["Item"]
    item["parentShardId"]["SS"].sort()
    assert item == {
        "leaseKey": {"S": "shardId-000000000003"},
        "leaseOwner": {"S": "w"},
        "leaseCounter": {"N": "7"},
        "ownerSwitchesSinceCheckpoint": {"N": "1"},
        "checkpoint": {"S": "49590"},
        "checkpointSubSequenceNumber": {"N": "2"},
        "parentShardId": {"SS": ["shardId-000000000001", "shardId-000000000002"]},
        "startingHashKey": {"S": "0"},
        "endingHashKey": {"S": "340282366920938463463374607431768211455"},
        "geowatchStream": {"S": "tiles:1764433000"},
        "geowatchTime": {"N": "5.5"},
    }
    raw.close()
    store.close()


def test_what_the_library_has_written_is_read_and_what_it_adds_is_kept(
    moto_url: str, group: str, raw: Any
) -> None:
    """A lease of a Java worker, with attributes that we do not know, goes on from where it was."""
    store = DynamoLeases(options(moto_url, group))
    store.open()
    raw("dynamodb").put_item(
        TableName=group,
        Item={
            "leaseKey": {"S": "shardId-000000000000"},
            "leaseOwner": {"S": "java"},
            "leaseCounter": {"N": "12"},
            "checkpoint": {"S": "4951"},
            "checkpointSubSequenceNumber": {"N": "0"},
            "ownerSwitchesSinceCheckpoint": {"N": "0"},
            "throughputKBps": {"N": "17.5"},
            "childShardIds": {"SS": ["shardId-000000000001"]},
        },
    )
    (lease,) = store.all()
    assert lease == Lease(
        key="shardId-000000000000", owner="java", counter=12, checkpoint=Checkpoint("4951")
    )
    assert store.replace(lease, msgspec.structs.replace(lease, owner="ours", counter=13))
    item = raw("dynamodb").get_item(
        TableName=group, Key={"leaseKey": {"S": "shardId-000000000000"}}
    )["Item"]
    assert item["leaseOwner"] == {"S": "ours"}
    assert item["throughputKBps"] == {"N": "17.5"}
    assert item["childShardIds"] == {"SS": ["shardId-000000000001"]}
    store.close()


def test_a_table_of_something_else_is_refused(moto_url: str, group: str, raw: Any) -> None:
    """By its key, before anything is written."""
    raw("dynamodb").create_table(
        TableName=group,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    store = DynamoLeases(options(moto_url, group))
    with pytest.raises(PermanentError, match=r"not one of leases.*Choose another group"):
        store.open()


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"leaseCounter": {"N": "1"}},
        {"checkpoint": {"S": "TRIM_HORIZON"}},
        {"leaseCounter": {"S": "1"}, "checkpoint": {"S": "TRIM_HORIZON"}},
        {"leaseCounter": {"N": "1"}, "checkpoint": {"S": "YESTERDAY"}},
    ],
)
def test_an_item_that_is_no_lease_is_refused(
    item: dict[str, Any], moto_url: str, group: str, raw: Any
) -> None:
    """Guessing what it means could skip messages."""
    store = DynamoLeases(options(moto_url, group))
    store.open()
    raw("dynamodb").put_item(TableName=group, Item={"leaseKey": {"S": "odd"}, **item})
    for act in (store.all, lambda: store.get("odd")):
        with pytest.raises(PermanentError, match=r"not a lease.*got 'odd'"):
            act()
    store.close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "leases": {}}', '{"leases": 1}'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    """A mistyped position must not cost somebody a file."""
    path = tmp_path / "notes.txt"
    path.write_text(text)
    store = FileLeases(path)
    with pytest.raises(PermanentError, match="not a file of leases"):
        store.open()
    with pytest.raises(PermanentError, match="not a file of leases"):
        store.create(LEASE)
    assert path.read_text() == text


def test_a_file_on_a_broken_disk_can_be_tried_again(tmp_path: Path) -> None:
    """A folder where the file should be is what a system can refuse without being told to."""
    (tmp_path / "leases.json").mkdir()
    with pytest.raises(RetryableError, match="refused a file of leases"):
        FileLeases(tmp_path / "leases.json").all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"leases": "dynamodb"}, "Give group"),
        ({"leases": "file"}, "Give position"),
        ({"leases": "memory", "position": "x"}, "Give leases = file"),
        ({"shard_it_type": "AT_TIMESTAMP"}, "given together"),
        ({"shard_it_timestamp": 5}, "given together"),
        ({"shard_it_type": "AT_SEQUENCE_NUMBER"}, "given together"),
        ({"shard_it_type": "AFTER_SEQUENCE_NUMBER", "shard_it_sequence_number": "5"}, "shard_id"),
        ({"shard_it_sequence_number": "five", "shard_id": "s"}, "must be a number"),
        ({"max_fetch": 10_001}, "from 1 to 10000"),
        ({"leases": "dynamo"}, "Did you mean dynamodb"),
        ({"shard_it_type": "LATESD"}, "Did you mean LATEST"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given: dict[str, Any], said: str) -> None:
    """Each says what is to be given instead."""
    with pytest.raises(OptionsError, match=said):
        KinesisConsumerOptions.read({"topic": "tiles", **given})
