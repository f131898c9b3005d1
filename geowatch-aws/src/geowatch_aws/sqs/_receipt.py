"""What a consumer holds of a queue: receipts, and until when each is good."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

__all__ = ["Receipt", "Receipts"]


class Receipt:
    """One delivery of one message.

    Attributes:
        handle: what the queue knows the delivery by. A later delivery of the same message to this
            consumer gives a new one, and only the latest deletes for sure.
        id: of the message.
        group: of the message, in a FIFO queue.
        until: when others may get it, by the monotonic clock.
        lost: others may have got it, or it came again: nothing extends it any more.
        done: the queue has settled it.
    """

    __slots__ = ("done", "group", "handle", "id", "lost", "until")

    def __init__(self, handle: str, identity: str, group: str, until: float) -> None:
        self.handle = handle
        self.id = identity
        self.group = group
        self.until = until
        self.lost = False
        self.done = False

    def __repr__(self) -> str:
        return f"<delivery of message {self.id}>"


class Receipts:
    """The receipts that are not settled, in the order in which they came. Safe for threads."""

    def __init__(self) -> None:
        self._held: dict[Receipt, None] = {}
        self._latest: dict[str, Receipt] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, receipts: Iterable[Receipt]) -> None:
        """Note new deliveries. An earlier one of the same message settles with the newer handle."""
        with self._changing:
            for receipt in receipts:
                earlier = self._latest.get(receipt.id)
                if earlier is not None:
                    earlier.handle, earlier.lost = receipt.handle, True
                self._latest[receipt.id] = receipt
                self._held[receipt] = None

    def remove(self, receipts: Iterable[Receipt]) -> None:
        """Forget these."""
        with self._changing:
            for receipt in receipts:
                self._held.pop(receipt, None)
                if self._latest.get(receipt.id) is receipt:
                    del self._latest[receipt.id]

    def all(self) -> list[Receipt]:
        """Those that are held and were not lost."""
        with self._changing:
            return [receipt for receipt in self._held if not receipt.lost]

    def good(self, receipts: Iterable[Receipt]) -> list[Receipt]:
        """Of these, those that are held and were not lost."""
        with self._changing:
            return [r for r in receipts if r in self._held and not r.lost and not r.done]

    def ending(self, within: float) -> list[Receipt]:
        """Those that others may get in so many seconds."""
        bound = time.monotonic() + within
        return [receipt for receipt in self.all() if receipt.until < bound]

    def behind(self, given: Sequence[Receipt]) -> list[Receipt]:
        """Those that came after one of these in the same group, and are not among them."""
        groups = {receipt.group for receipt in given if receipt.group}
        if not groups:
            return []
        among, passed, found = set(given), set[str](), []
        for receipt in self.all():
            if receipt in among:
                passed.add(receipt.group)
            elif receipt.group in passed and receipt.group in groups:
                found.append(receipt)
        return found
