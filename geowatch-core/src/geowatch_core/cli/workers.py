"""Runs the same brokers in several processes, and looks after these.

Nothing here shares work out: the channels do that themselves, among the members of a group or the
receivers of a queue. What is here starts the processes, starts those again that died, hands signals
on to them, and ends when they have ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Final

import msgspec

from geowatch_core.cli import output
from geowatch_core.cli.exits import Exit

__all__ = ["SUPERVISED", "Workers", "when_alone"]

SUPERVISED: Final = "--supervised"
"""The argument by which a process knows that it is a worker."""

_TICK: Final = 0.05
_AT_ONCE: Final = 10.0
"""Seconds: who dies sooner after its start has not been working."""
_MOST: Final = 5
"""Deaths at once, one after the other, before nobody is started again."""
_BASE: Final = 0.5
_CAP: Final = 30.0
_LOOK: Final = 20.0
"""Seconds after which a first worker that says nothing is taken to be running."""


class _Worker(msgspec.Struct, eq=False):
    """One place of the crew, and the process that fills it."""

    number: int
    process: subprocess.Popen[str] | None = None
    pumps: list[threading.Thread] = msgspec.field(default_factory=list)
    started: float = 0.0
    again_at: float = 0.0
    deaths: int = 0
    done: bool = False


class Workers:
    """A crew of processes that run one command.

    The first is started alone: what is wrong with the configuration, or with the services, is said
    once. One that dies is started again, each time a little later; when some keep dying at once,
    all are stopped.

    Args:
        command: what each of them runs.
        count: how many there are.
    """

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command = [*command, SUPERVISED]
        self._crew = [_Worker(number) for number in range(1, count + 1)]
        self._signals: list[int] = []
        self._handed_on = 0
        self._worst = 0
        self._spoke = threading.Event()

    def run(self) -> int:
        """Return when all have ended; the worst of their exit codes."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {n: signal.signal(n, lambda n, _: self._signals.append(n)) for n in numbers}
        try:
            self._start(self._crew[0])
            self._lead()
            self._follow()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for worker in self._crew:
                if worker.process is not None:
                    worker.process.kill()
                self._reap(worker)
        return self._worst

    # --- one look after the other ---------------------------------------------------------------

    def _lead(self) -> None:
        """Look after the first one until it runs, or does not."""
        first = self._crew[0]
        while not (first.done or self._spoke.is_set() or self._age(first) > _LOOK):
            self._look([first])
            time.sleep(_TICK)

    def _follow(self) -> None:
        """Look after everybody until all are done."""
        while not all(worker.done for worker in self._crew):
            self._look(self._crew)
            time.sleep(_TICK)

    def _look(self, crew: Sequence[_Worker]) -> None:
        self._hand_on()
        now = time.monotonic()
        for worker in crew:
            process = worker.process
            if process is not None and process.poll() is not None:
                self._died(worker, process.returncode)
            elif process is None and not worker.done and now >= worker.again_at:
                self._start(worker)

    def _hand_on(self) -> None:
        """Give each worker the signals that came; a second one ends it at once, as ever."""
        while self._handed_on < len(self._signals):
            number = self._signals[self._handed_on]
            self._handed_on += 1
            for worker in self._crew:
                if worker.process is not None:
                    worker.process.send_signal(number)
                else:
                    worker.done = True

    def _died(self, worker: _Worker, code: int) -> None:
        self._reap(worker)
        code = 128 - code if code < 0 else code  # as a shell says that a signal killed it
        ending = bool(self._signals) or code == Exit.DONE
        if ending or code == Exit.MISTAKE or (code == Exit.NOT_OPENED and not self._spoke.is_set()):
            self._worst = max(self._worst, code)
            worker.done = True
            if not ending:
                self._stop_all()
            return
        worker.deaths = worker.deaths + 1 if self._age(worker) < _AT_ONCE else 1
        if worker.deaths >= _MOST:
            output.note(
                f"geowatch-core: Worker {worker.number} died {worker.deaths} times soon after its "
                f"start, the last time with exit code {code}. All workers are stopped."
            )
            self._worst = max(self._worst, code)
            worker.done = True
            self._stop_all()
            return
        delay = min(_CAP, _BASE * 2 ** (worker.deaths - 1))
        worker.again_at = time.monotonic() + delay
        output.note(
            f"geowatch-core: Worker {worker.number} died with exit code {code}; it is started "
            f"again in {delay:g} s."
        )

    def _stop_all(self) -> None:
        if not self._signals:
            self._signals.append(signal.SIGTERM)

    # --- processes ------------------------------------------------------------------------------

    def _age(self, worker: _Worker) -> float:
        return time.monotonic() - worker.started

    def _start(self, worker: _Worker) -> None:
        # Its own session: a terminal would send an interrupt to it as well, and two mean "at once".
        # What it reads from is a pipe that only ends when this process does.
        process = subprocess.Popen(  # noqa: S603 - this very command
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        )
        worker.process, worker.started = process, time.monotonic()
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
        worker.pumps = [
            threading.Thread(target=self._pump, args=(worker.number, process.stdout, output.tell)),
            threading.Thread(target=self._pump, args=(worker.number, process.stderr, output.note)),
        ]
        for pump in worker.pumps:
            pump.start()

    def _reap(self, worker: _Worker) -> None:
        """Let go of a process that has ended."""
        process, worker.process = worker.process, None
        if process is None:
            return
        process.wait()
        for pump in worker.pumps:
            pump.join()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def _pump(self, number: int, stream: IO[str], show: Callable[[str], None]) -> None:
        """Say what a worker says, and which one it was."""
        for line in stream:
            if show is output.tell:
                self._spoke.set()
            show(f"[{number}] {line.rstrip()}")


def when_alone(stop: Callable[[], None]) -> None:
    """In a worker: call `stop` when the process that looks after it is gone."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        stop()

    threading.Thread(target=watch, name="geowatch supervisor", daemon=True).start()
