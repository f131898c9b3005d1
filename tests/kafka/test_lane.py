"""How far a partition may be committed, against a model that keeps every offset by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geowatch_kafka.lane import Chunk, Lane

chunks = st.lists(
    st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1, max_size=5
)  # the distances between offsets, by what was fetched together


def settling(lane_chunks: list[Chunk], offsets: list[int]) -> dict[Chunk, list[int]]:
    """These offsets by their chunk."""
    groups: dict[Chunk, list[int]] = {}
    for chunk in lane_chunks:
        mine = [offset for offset in offsets if offset in chunk.offsets]
        if mine:
            groups[chunk] = mine
    return groups


@given(chunks, st.randoms(use_true_random=False))
def test_only_the_contiguous_prefix_is_reached(distances: list[list[int]], chance: object) -> None:
    """Settled in any order, in any portions, it never passes what is not settled, nor lags."""
    lane = Lane("t", 0)
    made: list[Chunk] = []
    offset = 0
    every: list[int] = []
    for each in distances:
        offsets = []
        for distance in each:
            offset += distance
            offsets.append(offset)
        whole = offsets[-1] - offsets[0] == len(offsets) - 1
        made.append(lane.fetched(range(offsets[0], offsets[-1] + 1) if whole else offsets))
        every += offsets
    lane.in_hand = len(every)
    left = list(every)
    chance.shuffle(left)  # type: ignore[attr-defined]  # a random.Random
    settled: set[int] = set()
    committed = every[0]
    while left:
        size = chance.randint(1, len(left))  # type: ignore[attr-defined]
        portion, left = left[:size], left[size:]
        groups = settling(made, portion)
        reached = lane.reach(groups)
        settled.update(portion)
        expected = next((o for o in every if o not in settled), every[-1] + 1)
        committed = reached or committed
        # Between two offsets there may be nothing: then both are the same place to go on from.
        assert [o for o in every if o < committed] == [o for o in every if o < expected]
        lane.settle(groups)
        assert lane.in_hand == len(left)
    assert committed == every[-1] + 1
    assert not lane._chunks


def test_what_is_asked_for_is_not_yet_settled() -> None:
    """A commit that fails leaves everything as it was: asking moves nothing."""
    lane = Lane("t", 0)
    chunk = lane.fetched(range(10, 13))
    lane.in_hand = 3
    assert lane.reach({chunk: [10, 11, 12]}) == 13
    assert lane.reach({chunk: [11, 12]}) is None
    assert lane.reach({chunk: [10]}) == 11


def test_what_was_settled_ahead_counts_when_the_gap_before_it_closes() -> None:
    """An ack behind the end of an earlier chunk is committed together with that chunk's last."""
    lane = Lane("t", 0)
    first, second = lane.fetched(range(1)), lane.fetched(range(1, 3))
    lane.in_hand = 3
    assert lane.reach({second: [1]}) is None
    lane.settle({second: [1]})
    assert lane.reach({first: [0]}) == 2
