"""Holds what was received: keeps it hidden from others, deletes it, gives it back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from geowatch_aws.sqs._driver import Queue, Settled
from geowatch_aws.sqs._receipt import Receipt, Receipts
from geowatch_aws.sqs.backend import ENTRIES
from geowatch_core.errors import PermanentError, RetryableError, ServiceError
from geowatch_core.outcome import CONFIRMED

__all__ = ["Holder"]

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Holder:
    """The receipts of a consumer, and what is asked of the queue about them.

    Args:
        name: of the consumer.
        queue: the queue.
        visibility: seconds for which a message is hidden.
        parallel: most calls at the same time.
        threads: to make them in.

    Attributes:
        receipts: what is not settled.
        expired: how many deliveries were not settled in time, so that others may have got them.
    """

    def __init__(
        self, name: str, queue: Queue, *, visibility: float, parallel: int, threads: Executor
    ) -> None:
        self.receipts = Receipts()
        self.expired = 0
        self._name = name
        self._queue = queue
        self._visibility = visibility
        self._parallel = parallel
        self._threads = threads
        self._stopped = threading.Event()
        # Held while visibility is changed: extended a moment after it was given back, a message
        # would stay hidden.
        self._changing = threading.Lock()
        self._heart: threading.Thread | None = None

    def beat(self) -> None:
        """Keep everything hidden, from now on until `stop`."""
        self._heart = threading.Thread(
            target=self._beat, name=f"visibility of {self._name}", daemon=True
        )
        self._heart.start()

    def stop(self) -> None:
        """End the beats."""
        self._stopped.set()
        if self._heart is not None:
            self._heart.join()

    def delete(self, receipts: Sequence[Receipt]) -> None:
        """Delete these. What was deleted before a failure is not asked for again.

        Raises:
            RetryableError, PermanentError: some were not deleted.
        """
        todo = [receipt for receipt in receipts if not receipt.done]
        now = time.monotonic()
        late = {receipt for receipt in todo if receipt.lost or receipt.until < now}
        # Two deliveries of one message have the same handle by now, and it is deleted once.
        by_handle = {receipt.handle: receipt for receipt in todo}
        errors, gone = self._asked(list(by_handle.values()), self._queue.delete)
        for receipt in todo:
            receipt.done = by_handle[receipt.handle].done
        self.receipts.remove([receipt for receipt in todo if receipt.done])
        self._report(len(late | gone), "were acked too late and may come again")
        _raise_one(errors)

    def give_back(self, receipts: Sequence[Receipt]) -> None:
        """Have others get these at once.

        Of a group in order, what came later is given back too: it must not overtake.

        Raises:
            RetryableError, PermanentError: some stay hidden until their time is over.
        """
        with self._changing:
            behind = self.receipts.behind(receipts)
            todo = [*self.receipts.good(receipts), *behind]
            errors, gone = self._asked(todo, lambda handles: self._queue.hide(handles, 0))
            for receipt in behind:
                receipt.lost, receipt.done = True, False
        self.receipts.remove([r for r in receipts if r.done or r.lost])
        self._report(len(gone), "had been given to others by the time they were given back")
        _raise_one(errors)

    def _asked(
        self, receipts: Sequence[Receipt], ask: Callable[[list[str]], Sequence[Settled]]
    ) -> tuple[list[RetryableError | PermanentError], set[Receipt]]:
        """Ask the queue about these, ten a call; the failures, and whose handle was not good."""
        runs = list(_cut(receipts, ENTRIES))
        errors: list[RetryableError | PermanentError] = []
        gone: set[Receipt] = set()
        for run, answers in zip(runs, self._map(ask, runs), strict=True):
            for receipt, answer in zip(run, answers, strict=True):
                if isinstance(answer, ServiceError):
                    errors.append(answer)
                    continue
                receipt.done = True
                if answer is None:
                    gone.add(receipt)
        self.receipts.remove([receipt for receipt in receipts if receipt.done])
        return errors, gone

    def _map(
        self, ask: Callable[[list[str]], Sequence[Settled]], runs: Sequence[Sequence[Receipt]]
    ) -> Iterable[Sequence[Settled]]:
        def answered(run: Sequence[Receipt]) -> Sequence[Settled]:
            try:
                return ask([receipt.handle for receipt in run])
            except (RetryableError, PermanentError) as error:
                return [error] * len(run)

        if len(runs) < 2:
            return map(answered, runs)
        return self._threads.map(answered, runs)

    def _beat(self) -> None:
        while not self._stopped.wait(self._visibility / 6):
            ending = self.receipts.ending(self._visibility * 2 / 3)
            for part in _cut(ending, ENTRIES * self._parallel):
                if self._stopped.is_set():
                    return
                with self._changing:
                    self._extend(self.receipts.good(part))

    def _extend(self, receipts: Sequence[Receipt]) -> None:
        """Hide these for their whole time again. What cannot be is tried at the next beat."""
        until = time.monotonic() + self._visibility
        seconds = round(self._visibility)
        runs = list(_cut(receipts, ENTRIES))
        lost, failed = 0, None
        answers = self._map(lambda handles: self._queue.hide(handles, seconds), runs)
        for run, answer in zip(runs, answers, strict=True):
            for receipt, settled in zip(run, answer, strict=True):
                if settled is CONFIRMED:
                    receipt.until = until
                elif settled is None:
                    # Acked meanwhile, it is not there to be hidden; that is no loss.
                    receipt.lost = bool(self.receipts.good([receipt]))
                    lost += receipt.lost
                else:
                    failed = settled
        if failed is not None:
            _log.warning("%s: messages were not kept hidden: %s", self._name, failed)
        self._report(lost, "could not be kept hidden any longer and come again")

    def _report(self, count: int, what: str) -> None:
        if count:
            self.expired += count
            _log.warning(
                "%s: %d messages %s. Settle sooner, or give a longer visibility.",
                self._name,
                count,
                what,
            )


def _raise_one(errors: Sequence[RetryableError | PermanentError]) -> None:
    """Raise what may succeed later, if there is any such failure: the others come up again."""
    for error in errors:
        if isinstance(error, RetryableError):
            raise error
    for error in errors:
        raise error


def _cut(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[i : i + size] for i in range(0, len(items), size))
