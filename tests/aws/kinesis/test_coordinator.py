"""Taking, renewing, balancing and giving back leases, with a clock of the test's own."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from geowatch_aws.kinesis.checkpoint import SHARD_END, TRIM_HORIZON, Checkpoint
from geowatch_aws.kinesis.coordinator import Coordinator, Hold, ensure_of
from geowatch_aws.kinesis.lease import Lease
from geowatch_aws.kinesis.lease_memory import MemoryLeases
from geowatch_core import PermanentError, RetryableError

_DURATION = 10.0


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


class Party:
    """Workers that share the leases of some shards."""

    def __init__(self, shards: int, seed: int = 0) -> None:
        self.clock = Clock()
        self.store = MemoryLeases()
        self.chance = random.Random(seed)
        self.holds: dict[Coordinator, dict[str, Hold]] = {}
        for number in range(shards):
            self.store.create(Lease(key=f"s{number}", checkpoint=Checkpoint(TRIM_HORIZON)))

    def join(self, name: str) -> Coordinator:
        """A new worker."""
        worker = Coordinator(
            self.store, name, _DURATION, clock=self.clock, chance=random.Random(name)
        )
        self.holds[worker] = {}
        return worker

    def round(self, worker: Coordinator) -> None:
        """What a worker does again and again."""
        holds = self.holds[worker]
        for key, hold in list(holds.items()):
            if worker.due(hold) and not worker.renew(hold):
                del holds[key]
        leases = {lease.key: lease for lease in self.store.all()}
        for hold in worker.take(leases, list(holds)):
            holds[hold.lease.key] = hold

    def rounds(self, count: int) -> None:
        """Some rounds of every worker, in any order, as time goes on."""
        for _ in range(count):
            workers = list(self.holds)
            self.chance.shuffle(workers)
            for worker in workers:
                self.round(worker)
            self.clock.now += _DURATION / 4

    def owners(self) -> Counter[str | None]:
        """How many leases each owns, by the store."""
        return Counter(lease.owner for lease in self.store.all())


def test_one_worker_takes_everything_at_once() -> None:
    """Nobody else is there: all that is free is its share."""
    party = Party(5)
    party.round(party.join("a"))
    assert party.owners() == {"a": 5}


@pytest.mark.parametrize("seed", range(20))
def test_loads_become_equal_and_then_stay(seed: int) -> None:
    """Whoever joins in whatever order, loads come to differ by one at most, and rest there."""
    chance = random.Random(seed)
    shards, workers = chance.randint(1, 12), chance.randint(1, 5)
    party = Party(shards, seed)
    for number in range(workers):
        party.join(f"w{number}")
        party.rounds(chance.randint(0, 3))
    party.rounds(4 * shards)
    loads = sorted(party.owners().values())
    assert sum(loads) == shards
    assert max(loads) - min(loads) <= 1
    assert len(loads) == min(shards, workers)
    before = [(lease.key, lease.owner) for lease in party.store.all()]
    party.rounds(20)
    assert [(lease.key, lease.owner) for lease in party.store.all()] == before


def test_one_lease_at_most_is_stolen_at_a_time() -> None:
    """A newcomer takes from the most loaded one by one, so that little is brought twice."""
    party = Party(8)
    party.round(party.join("a"))
    newcomer = party.join("b")
    for expected in (1, 2, 3, 4, 4):
        party.round(newcomer)
        assert party.owners()["b"] == expected


def test_the_leases_of_a_dead_worker_are_taken_after_their_time_and_not_before() -> None:
    """Death is a counter that stands still for the time of a lease, as the heir has seen it."""
    party = Party(3)
    dead, heir = party.join("dead"), party.join("heir")
    party.round(dead)
    del party.holds[dead]
    party.clock.now = 100.0  # it had died long before the heir first looked
    party.round(heir)
    before = party.owners()["heir"]
    assert before <= 1  # one may be stolen for balance
    party.clock.now += _DURATION - 0.01
    party.round(heir)
    assert party.owners()["dead"] >= 1
    party.clock.now += 0.01
    party.round(heir)
    assert party.owners() == {"heir": 3}


def test_a_zombie_is_refused_every_write() -> None:
    """Who was away past its lease can neither renew, checkpoint, end nor give back."""
    for act in ("renew", "checkpoint", "finish", "release"):
        party = Party(1)
        zombie, heir = party.join("zombie"), party.join("heir")
        party.round(zombie)
        (hold,) = party.holds[zombie].values()
        party.round(heir)
        party.clock.now += _DURATION
        party.round(heir)
        (taken,) = party.holds[heir].values()
        assert heir.checkpoint(taken, Checkpoint("7"))
        more = [Checkpoint("99")] if act == "checkpoint" else []
        assert getattr(zombie, act)(hold, *more) is False
        assert hold.lost
        (lease,) = party.store.all()
        assert (lease.owner, lease.checkpoint) == ("heir", Checkpoint("7"))


def test_a_worker_that_comes_back_after_losing_a_lease_holds_another_one() -> None:
    """The old hold stays lost, also when the same worker has the lease again."""
    party = Party(1)
    one, other = party.join("one"), party.join("other")
    party.round(one)
    (old,) = party.holds[one].values()
    party.round(other)
    party.clock.now += _DURATION
    party.round(other)
    (between,) = party.holds[other].values()
    assert not one.renew(old)
    party.holds[one].clear()
    assert other.release(between)
    party.round(one)
    (new,) = party.holds[one].values()
    assert not one.checkpoint(old, Checkpoint("1"))
    assert one.checkpoint(new, Checkpoint("2"))


def test_the_end_of_a_shard_gives_its_lease_back_in_the_same_write() -> None:
    """Nobody ever sees an ended shard with an owner, or a free one that has not ended."""
    party = Party(1)
    worker = party.join("a")
    party.round(worker)
    (hold,) = party.holds[worker].values()
    counter = hold.lease.counter
    assert worker.finish(hold)
    (lease,) = party.store.all()
    assert (lease.owner, lease.checkpoint.at, lease.counter) == (None, SHARD_END, counter + 1)
    party.holds[worker].clear()
    party.round(worker)
    assert party.owners() == {None: 1}


def test_children_are_taken_when_their_parents_are_done() -> None:
    """A lease whose parents are not done is nobody's."""
    party = Party(2)
    store = party.store
    store.create(Lease(key="child", checkpoint=Checkpoint(TRIM_HORIZON), parents=("s0", "s1")))
    worker = party.join("a")
    for done in ("s0", "s1"):
        party.round(worker)
        child = store.get("child")
        assert child is not None
        assert child.owner is None
        worker.finish(party.holds[worker].pop(done))
    party.round(worker)
    child = store.get("child")
    assert child is not None
    assert child.owner == "a"


class Torn(MemoryLeases):
    """A list that is not read in one moment: it lacks what was made while it was read."""

    def all(self) -> list[Lease]:
        """All but the parent."""
        return [lease for lease in super().all() if lease.key != "parent"]


def test_a_parent_that_a_list_lacks_is_asked_for_by_itself() -> None:
    """A scan may show a child and miss the parent that was made before it."""
    store = Torn()
    store.create(Lease(key="parent", checkpoint=Checkpoint(TRIM_HORIZON)))
    store.create(Lease(key="child", checkpoint=Checkpoint(TRIM_HORIZON), parents=("parent",)))
    worker = Coordinator(store, "a", _DURATION)
    assert not list(worker.take({lease.key: lease for lease in store.all()}, []))


class Deaf(MemoryLeases):
    """Does what it is asked, and its answer is lost; once."""

    def __init__(self) -> None:
        super().__init__()
        self.deaf = False

    def replace(self, old: Lease, new: Lease) -> bool:
        """Write, and perhaps say nothing."""
        done = super().replace(old, new)
        if self.deaf:
            self.deaf = False
            raise RetryableError("No answer")
        return done


@pytest.mark.parametrize("act", ["renew", "checkpoint", "finish", "release"])
def test_a_write_whose_answer_was_lost_is_ours_all_the_same(act: str) -> None:
    """Asked again, the worker knows its own write, and does not take itself for a zombie."""
    store = Deaf()
    store.create(Lease(key="s", checkpoint=Checkpoint(TRIM_HORIZON)))
    worker = Coordinator(store, "a", _DURATION)
    (hold,) = worker.take({lease.key: lease for lease in store.all()}, [])
    more = [Checkpoint("5")] if act == "checkpoint" else []
    store.deaf = True
    with pytest.raises(RetryableError):
        getattr(worker, act)(hold, *more)
    assert getattr(worker, act)(hold, *more) is True


def test_a_lease_taken_by_a_write_whose_answer_was_lost_is_taken_again() -> None:
    """The worker owns it without knowing; at its next round it does."""
    store = Deaf()
    store.create(Lease(key="s", checkpoint=Checkpoint(TRIM_HORIZON)))
    worker = Coordinator(store, "a", _DURATION)
    store.deaf = True
    leases = {lease.key: lease for lease in store.all()}
    with pytest.raises(RetryableError):
        list(worker.take(leases, []))
    (hold,) = worker.take({lease.key: lease for lease in store.all()}, [])
    assert worker.renew(hold)


def test_one_shard_only_is_taken_where_one_was_asked_for() -> None:
    """`shard_id` narrows."""
    party = Party(3)
    worker = Coordinator(party.store, "a", _DURATION, only="s1")
    taken = worker.take({lease.key: lease for lease in party.store.all()}, [])
    assert [hold.lease.key for hold in taken] == ["s1"]


def test_leases_of_other_streams_are_refused() -> None:
    """By name, by creation time, and where a multi-stream application has written them."""
    at = Checkpoint(TRIM_HORIZON)
    ours = Lease(key="shardId-0", checkpoint=at, stream="tiles:17")
    ensure_of("tiles:17", {"shardId-0": ours}, "The table")
    ensure_of("tiles:17", {"shardId-0": msgspec.structs.replace(ours, stream=None)}, "The table")
    for lease, said in (
        (msgspec.structs.replace(ours, stream="quakes:17"), "the stream quakes, not of tiles"),
        (msgspec.structs.replace(ours, stream="tiles:16"), "deleted and made anew"),
        (msgspec.structs.replace(ours, key="1234:tiles:17:shardId-0"), "several streams"),
    ):
        with pytest.raises(PermanentError, match=said):
            ensure_of("tiles:17", {lease.key: lease}, "The table")
