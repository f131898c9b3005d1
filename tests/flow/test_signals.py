"""SIGTERM and SIGINT: the first drains, the second leaves at once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from geowatch_core import Broker
from geowatch_core.flow.pipeline import Flow
from geowatch_core.flow.signals import stop_on_signals
from tests.flow.channel import Given, Kept, numbers

PROGRAM = Path(__file__).with_name("signal_child.py")
TOTAL = 100
BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


@pytest.fixture
def folder(tmp_path):
    """A folder with numbered messages."""
    lines = [json.dumps({"n": n}) + "\n" for n in range(TOTAL)]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    return tmp_path


def start(folder, situation):
    """The flow in a child process, once it is in that situation."""
    child = subprocess.Popen(
        [sys.executable, PROGRAM, folder, situation],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    if situation != "to the end":
        assert child.stdout.readline() == "there\n", child.communicate()
    return child


def interrupt(child, *signals, pause=0.0):
    """Send these; how long it took to leave, its exit code, and what it said."""
    began = time.monotonic()
    for number in signals:
        child.send_signal(number)
        time.sleep(pause)
    out, err = child.communicate(timeout=30)
    assert "Traceback" not in err, err
    return time.monotonic() - began, child.returncode, out


def delivered_after(folder):
    """How often each number was delivered once the flow was run to its end."""
    out, err = start(folder, "to the end").communicate(timeout=30)
    assert "consumed" in out, err
    lines = (folder / "out.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["n"] for line in lines)


ONCE = Counter(range(TOTAL))


@BOTH
def test_signal_while_idle_leaves_within_a_second(folder, number):
    """An idle flow leaves soon, with exit code 0, and delivers nothing twice afterwards."""
    took, code, _ = interrupt(start(folder, "idle"), number)
    assert (took < 1.5, code) == (True, 0)
    assert delivered_after(folder) == ONCE


@BOTH
def test_signal_in_the_middle_of_a_batch_finishes_it(folder, number):
    """What is being worked on is finished; nothing of it comes again afterwards."""
    took, code, out = interrupt(start(folder, "working"), number)
    assert (took < 2, code) == (True, 0)
    assert "10 delivered" in out
    assert delivered_after(folder) == ONCE


@BOTH
def test_signal_while_a_sink_is_blocked_leaves_at_the_deadline(folder, number):
    """A sink that hangs is given up at the deadline; nothing of it was acked."""
    took, code, out = interrupt(start(folder, "blocked"), number)
    assert (1 <= took < 4, code) == (True, 0)
    assert " 0 delivered" in out
    assert "40 given back" in out
    assert delivered_after(folder) == ONCE


@BOTH
def test_signal_in_a_long_poll_leaves_within_a_second(folder, number):
    """A source that waits on its service for a minute is not waited for as long."""
    took, code, _ = interrupt(start(folder, "long poll"), number)
    assert (took < 1.5, code) == (True, 0)


@BOTH
def test_second_signal_leaves_at_once_without_acking(folder, number):
    """With a second signal the process ends, says by its exit code why, and has acked nothing."""
    took, code, out = interrupt(start(folder, "blocked for long"), number, number, pause=0.2)
    assert (took < 1, code, out) == (True, 128 + number, "")
    assert delivered_after(folder) == ONCE


def test_handlers_are_put_back_after_a_run():
    """Signals mean after a run what they meant before."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    Broker(consumers=[Given(numbers(3))], producers=[Kept()]).run()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_signals_are_left_alone_in_other_threads():
    """A broker that does not run in the main thread touches no handler."""
    before, during = signal.getsignal(signal.SIGTERM), []

    class Looking(Broker):
        def process(self, messages):
            during.append(signal.getsignal(signal.SIGTERM))

    broker = Looking(consumers=[Given(numbers(3))], producers=[Kept()])
    thread = threading.Thread(target=broker.run)
    thread.start()
    thread.join(10)
    assert set(during) == {before}


def test_signal_may_interrupt_stop_itself():
    """A signal that comes in any line of stop, in the same thread, neither blocks nor is lost."""
    flow = Flow(Broker(consumers=[Given()], producers=[Kept()]), 0)
    lines, handled = set(), []

    def interrupting(frame, event, _):
        if event == "line" and frame.f_code is Flow.stop.__code__ and frame.f_lineno not in lines:
            lines.add(frame.f_lineno)
            signal.raise_signal(signal.SIGTERM)
        return interrupting

    before = sys.gettrace()
    handler = signal.signal(signal.SIGTERM, lambda *_: (flow.stop(), handled.append(1)))
    sys.settrace(interrupting)
    try:
        flow.stop()
    finally:
        sys.settrace(before)
        signal.signal(signal.SIGTERM, handler)
    assert len(handled) == len(lines) > 1


def test_first_signal_stops_and_second_exits(monkeypatch):
    """The first signal calls stop, the second ends the process with its number."""
    stops = []
    monkeypatch.setattr(os, "_exit", sys.exit)
    with stop_on_signals(lambda: stops.append(1)):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(SystemExit) as left:
            signal.raise_signal(signal.SIGTERM)
    assert (stops, left.value.code) == ([1], 128 + signal.SIGTERM)


def test_handler_of_another_language_is_left_to_the_system(monkeypatch):
    """Where a handler cannot be put back from Python, leaving a run does not fail."""
    real = signal.signal
    monkeypatch.setattr(signal, "signal", lambda *given: (real(*given), None)[1])
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        with stop_on_signals(lambda: None):
            pass
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            real(number, handler)
