"""How many batches of a source may be in flight."""

from __future__ import annotations

import threading

from geowatch_core.flow.allowance import Allowance


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


def paced(batches: int, every: float) -> int:
    """How many may be in flight after so many batches were settled, one every so many seconds."""
    clock = Clock()
    allowance = Allowance(clock=clock)
    for _ in range(batches):
        clock.now += every
        allowance.take()
        allowance.settled()
    return allowance.most


def test_four_are_allowed_before_any_is_settled() -> None:
    """Of a route whose pace is not known, four batches may be in flight."""
    assert Allowance().most == 4


def test_a_slow_route_keeps_to_four() -> None:
    """Ten batches a second are two and a half in a quarter of a second, and four is the least."""
    assert paced(100, every=0.1) == 4


def test_a_fast_route_is_allowed_what_it_settles_in_a_quarter_of_a_second() -> None:
    """Of batches that are settled every 24 ms, the last eleven lie within 240 ms."""
    assert paced(100, every=0.024) == 11


def test_however_fast_no_more_than_16_are_allowed() -> None:
    """A thousand batches a second would be 250."""
    assert paced(1000, every=0.001) == 16


def test_a_route_that_has_come_to_a_halt_is_back_at_four() -> None:
    """What was settled longer ago than a quarter of a second does not count."""
    clock = Clock()
    allowance = Allowance(clock=clock)
    for _ in range(16):
        allowance.take()
        allowance.settled()
    assert allowance.most == 16
    clock.now += 0.3
    assert allowance.most == 4


def test_a_number_that_was_given_holds_at_any_pace() -> None:
    """Two were asked for: neither more of a fast route, nor four of a slow one."""
    clock = Clock()
    allowance = Allowance(2, clock=clock)
    assert allowance.most == 2
    for _ in range(100):
        allowance.take()
        allowance.settled()
    assert allowance.most == 2


def test_one_more_waits_until_one_is_settled() -> None:
    """The fifth is taken when the first was settled, and not before."""
    allowance = Allowance()
    for _ in range(4):
        allowance.take()
    taken = threading.Event()
    thread = threading.Thread(target=lambda: (allowance.take(), taken.set()))
    thread.start()
    assert not taken.wait(0.1)
    allowance.settled()
    assert taken.wait(10)
    thread.join()


def test_nobody_waits_after_the_end() -> None:
    """Who waits when the run ends is told so, and so is whoever comes later."""
    allowance = Allowance(1)
    assert allowance.take()
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(allowance.take()))
    thread.start()
    allowance.end()
    thread.join(10)
    assert told == [False]
    assert not allowance.take()
