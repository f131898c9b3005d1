"""Which leases a stream needs, and which shards may be read: without any server."""

from __future__ import annotations

from collections.abc import Mapping

from geowatch_aws.kinesis.checkpoint import LATEST, SHARD_END, TIMESTAMP, TRIM_HORIZON, Checkpoint
from geowatch_aws.kinesis.lease import Lease
from geowatch_aws.kinesis.shard import Shard, finished, missing, ready

LATE = Checkpoint(LATEST, time=1000.0)
OLDEST = Checkpoint(TRIM_HORIZON)
ENDED = Checkpoint(SHARD_END)

# a was split into b and c, which were merged into d.
A = Shard(id="a", closed=True)
B = Shard(id="b", parents=("a",), closed=True)
C = Shard(id="c", parents=("a",), closed=True)
D = Shard(id="d", parents=("b", "c"))
FAMILY = (D, C, B, A)


def leased(**checkpoints: Checkpoint) -> dict[str, Lease]:
    """Leases of shards of the family."""
    parents = {shard.id: shard.parents for shard in FAMILY}
    return {
        key: Lease(key=key, checkpoint=at, parents=parents.get(key, ()))
        for key, at in checkpoints.items()
    }


def begun(leases: list[Lease]) -> dict[str, str]:
    """Where each begins."""
    return {lease.key: lease.checkpoint.at for lease in leases}


def test_latest_begins_with_the_open_shards_only() -> None:
    """What is latest is in the shards that take records; closed ones get no lease."""
    assert begun(missing(FAMILY, {}, LATE)) == {"d": LATEST}


def test_trim_horizon_begins_with_every_shard_parents_first() -> None:
    """Closed shards are read too, and have leases before their children do."""
    made = missing(FAMILY, {}, OLDEST)
    assert [lease.key for lease in made] == ["a", "b", "c", "d"]
    assert {lease.checkpoint for lease in made} == {OLDEST}


def test_a_timestamp_begins_every_first_shard_there() -> None:
    """The initial place is that of all shards that were there at the start."""
    at = Checkpoint(TIMESTAMP, time=5.0)
    assert {lease.checkpoint for lease in missing([A], {}, at)} == {at}


def test_children_of_a_leased_shard_begin_with_their_oldest_record() -> None:
    """What was put into a child while its parent was read must not be skipped as not latest."""
    made = missing(FAMILY, leased(a=Checkpoint("17")), LATE)
    assert begun(made) == {"b": TRIM_HORIZON, "c": TRIM_HORIZON, "d": TRIM_HORIZON}


def test_grandchildren_are_known_although_a_generation_was_missed() -> None:
    """Two reshardings between two looks: the middle generation is closed and gets leases too."""
    made = missing(FAMILY, leased(a=ENDED), LATE)
    assert begun(made) == {"b": TRIM_HORIZON, "c": TRIM_HORIZON, "d": TRIM_HORIZON}


def test_a_child_whose_parent_has_left_the_stream_is_known_by_its_lease() -> None:
    """The parent is not listed any more, but its lease says that its children were to be read."""
    assert begun(missing([D], leased(b=ENDED, c=ENDED), LATE)) == {"d": TRIM_HORIZON}


def test_an_unrelated_open_shard_begins_as_the_first_ones_do() -> None:
    """A start that died between two leases is completed by the next one."""
    other = Shard(id="z")
    assert begun(missing([other], leased(a=LATE), LATE)) == {"z": LATEST}


def test_a_child_is_ready_only_when_both_parents_are_done() -> None:
    """The records of a key moved from the parents into the child: they come first."""
    for b, c, expected in (
        (ENDED, ENDED, True),
        (ENDED, Checkpoint("9"), False),
        (OLDEST, ENDED, False),
    ):
        leases = leased(b=b, c=c, d=OLDEST)
        assert ready(leases["d"], leases) is expected


def test_a_shard_without_leased_parents_is_ready() -> None:
    """Parents that were never to be read, or were forgotten long ago, hold nothing back."""
    leases = leased(d=LATE)
    assert ready(leases["d"], leases)


def test_a_lease_is_forgotten_when_its_shard_is_gone_done_and_continued() -> None:
    """All three: otherwise its children could be taken for first ones, or be read too early."""
    leases = leased(a=ENDED, b=Checkpoint("3"), c=ENDED, d=OLDEST)
    assert [lease.key for lease in finished([B, C, D], leases)] == ["a"]
    assert finished(FAMILY, leases) == []
    alone: Mapping[str, Lease] = leased(d=ENDED)
    assert finished([], alone) == []


def test_a_thousand_generations_need_no_deep_stack() -> None:
    """A stream that was resharded again and again within its retention."""
    line = [Shard(id="0000")]
    line += [Shard(id=f"{i:04}", parents=(f"{i - 1:04}",)) for i in range(1, 2000)]
    made = missing(reversed(line), {}, OLDEST)
    assert [lease.key for lease in made] == [shard.id for shard in line]
