"""A channel's pace, by a clock that the test moves."""

from __future__ import annotations

import threading

from geowatch_slack.pace import Pace, pace_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Waiting(threading.Event):
    """An event that never comes, whose wait moves the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let that time pass."""
        self.clock.now += timeout or 0.0
        return self.is_set()


def test_one_post_a_second_after_the_last_answer() -> None:
    """A token is there a second after the answer, however long the answer took."""
    clock = Clock()
    pace, never = Pace(1.0, 1, clock), Waiting(clock)
    assert pace.wait(never)
    clock.now += 3.0  # a slow answer
    pace.answered()
    assert pace.wait(never)
    assert clock.now == 104.0
    pace.answered()
    assert pace.wait(never)
    assert clock.now == 105.0


def test_a_burst_is_allowed_after_a_rest() -> None:
    """With a burst of three, three posts go at once and the fourth waits."""
    clock = Clock()
    pace, never = Pace(1.0, 3, clock), Waiting(clock)
    times = []
    for _ in range(4):
        assert pace.wait(never)
        pace.answered()
        times.append(clock.now)
    assert times == [100.0, 100.0, 100.0, 101.0]


def test_what_slack_asks_to_wait_is_waited() -> None:
    """After Retry-After: 7 nothing is posted for seven seconds."""
    clock = Clock()
    pace, never = Pace(1.0, 1, clock), Waiting(clock)
    assert pace.wait(never)
    pace.answered(retry_after=7.0)
    assert pace.within(5.0) == 0
    assert pace.wait(never)
    assert clock.now == 107.0


def test_how_many_may_be_posted_within_a_time() -> None:
    """What may go now, and what comes to be allowed while one waits."""
    clock = Clock()
    pace = Pace(1.0, 1, clock)
    assert pace.within(0.0) == 1
    assert pace.within(5.0) == 6
    assert Pace(0.5, 2, clock).within(4.0) == 4


def test_closing_ends_a_wait_without_a_token() -> None:
    """Who closes is not kept waiting, and takes nothing."""
    pace, closing = Pace(0.001, 1), threading.Event()
    assert pace.wait(closing)
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(pace.wait(closing)))
    waiting.start()
    closing.set()
    waiting.join(30)
    assert answers == [False]


def test_producers_of_one_channel_share_its_pace() -> None:
    """The same channel has one bucket in a process, and another channel another."""
    first = pace_of("channel", 1.0, 1)
    assert pace_of("channel", 1.0, 1) is first
    assert pace_of("other", 1.0, 1) is not first
