from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from geowatch_core import SettledPrefix


def delivered(*positions: int) -> SettledPrefix[int]:
    """A prefix behind which these were delivered."""
    prefix: SettledPrefix[int] = SettledPrefix()
    prefix.deliver(positions)
    return prefix


def test_a_later_ack_moves_nothing() -> None:
    """Only the contiguous prefix moves: what is settled behind a gap waits for the gap."""
    prefix = delivered(1, 2, 3)
    assert prefix.settle([3]) is None
    assert prefix.settle([2]) is None
    assert len(prefix) == 3


def test_closing_the_gap_moves_over_all_behind_it() -> None:
    """When the gap is settled, the prefix jumps to the end of all that was settled before."""
    prefix = delivered(1, 2, 3, 4)
    prefix.settle([2, 3])
    assert prefix.settle([1]) == 3
    assert len(prefix) == 1
    assert prefix.settle([4]) == 4


def test_positions_are_in_the_order_of_delivery_not_of_their_values() -> None:
    """A channel's order counts, even where its positions do not sort like it."""
    prefix = delivered(9, 2, 5)
    assert prefix.settle([2]) is None
    assert prefix.settle([9]) == 2


def test_a_redelivery_is_not_noted_again() -> None:
    """What comes again after a nack keeps its place; acked once, it is passed for good."""
    prefix = delivered(1, 2)
    prefix.deliver([1, 2, 3])
    assert len(prefix) == 3
    assert prefix.settle([1, 2]) == 2
    assert prefix.settle([3]) == 3
    assert len(prefix) == 0


def test_a_redelivery_of_what_is_settled_ahead_stays_settled() -> None:
    """A seek back brings acked messages again; the prefix need not wait for them a second time."""
    prefix = delivered(1, 2, 3)
    prefix.settle([2])
    prefix.deliver([1, 2, 3])
    assert prefix.settle([1]) == 2
    assert prefix.settle([3]) == 3
    assert len(prefix) == 0


def test_what_was_never_delivered_cannot_settle_what_comes_later() -> None:
    """A stray ack leaves no trace: a message that is delivered afterwards is unsettled."""
    prefix = delivered(1)
    assert prefix.settle([2]) is None
    prefix.deliver([2])
    assert prefix.settle([1]) == 1
    assert len(prefix) == 1


def test_a_position_can_come_anew_after_it_was_passed() -> None:
    """After a rewind of the channel, an old position is a new delivery."""
    prefix = delivered(1)
    assert prefix.settle([1]) == 1
    prefix.deliver([1])
    assert len(prefix) == 1
    assert prefix.settle([]) is None
    assert prefix.settle([1]) == 1


def test_reach_notes_nothing() -> None:
    """Asking how far an ack would go does not make it one."""
    prefix = delivered(1, 2, 3)
    prefix.settle([2])
    assert prefix.reach([1]) == 2
    assert prefix.reach([3]) is None
    assert prefix.reach([1, 3]) == 3
    assert len(prefix) == 3
    assert prefix.settle([1]) == 2


class AgainstAList(RuleBasedStateMachine):
    """A prefix against a list of [position, settled], walked from its start every time."""

    def __init__(self) -> None:
        super().__init__()
        self.prefix: SettledPrefix[int] = SettledPrefix()
        self.behind: list[tuple[int, bool]] = []

    positions = st.lists(st.integers(0, 12), max_size=6)

    @rule(positions=positions)
    def deliver(self, positions: list[int]) -> None:
        """Unknown positions are added at the end."""
        self.prefix.deliver(iter(positions))
        for position in positions:
            if all(position != known for known, _ in self.behind):
                self.behind.append((position, False))

    @rule(positions=positions)
    def settle(self, positions: list[int]) -> None:
        """Known ones are marked, and the marked ones in front are taken away."""
        self.behind = [(p, done or p in positions) for p, done in self.behind]
        reached = None
        while self.behind and self.behind[0][1]:
            reached, _ = self.behind.pop(0)
        assert self.prefix.reach(positions) == reached
        assert self.prefix.settle(iter(positions)) == reached

    @invariant()
    def holds_the_same(self) -> None:
        """Both hold as many positions."""
        assert len(self.prefix) == len(self.behind)


TestAgainstAList = AgainstAList.TestCase


@given(st.permutations(range(30)))
def test_in_whatever_order_all_is_acked_all_is_passed_once(order: list[int]) -> None:
    """Each position is passed exactly once, in order, and none before those in front of it."""
    prefix = delivered(*range(30))
    reached = [-1]
    acked: set[int] = set()
    for position in order:
        acked.add(position)
        if (at := prefix.settle([position])) is not None:
            assert at > reached[-1]
            assert acked >= set(range(at + 1))
            reached.append(at)
    assert reached[-1] == 29
    assert len(prefix) == 0
