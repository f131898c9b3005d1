"""The service itself: topics and documents, shared by name within this process."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from geowatch_core.message import Headers, Message

Record = tuple[int, bytes, bytes | None, Headers, float | None]
"""What a message carries, behind its place in the topic."""


class Topic:
    """A queue in order, whose deliveries are settled one by one.

    Every delivery has an id of its own, so that a late settlement of an expired one is known. The
    ids of what a consumer has not settled are in a set of its own, which is changed together with
    the topic: a consumer that closes at any moment knows all that it has to give back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._places = itertools.count()
        self._ids = itertools.count()
        self._fresh: deque[Record] = deque()
        self._again: list[Record] = []  # a heap; each of them comes before all that is fresh
        self._unsettled: dict[int, Record] = {}
        self._expiries: list[tuple[float, list[int], set[int]]] = []  # a heap

    def __len__(self) -> int:
        """How many messages it holds, the unsettled included."""
        return self.ready + len(self._unsettled)

    @property
    def ready(self) -> int:
        """How many wait to be delivered."""
        return len(self._again) + len(self._fresh)

    def put(self, messages: Sequence[Message], capacity: int | None) -> int:
        """Keep as many as there is room for, in order; how many."""
        with self._changed:
            room = len(messages) if capacity is None else max(capacity - len(self), 0)
            self._fresh.extend(
                (place, m.data, m.key, m.headers, m.time)
                for m, place in zip(messages[:room], self._places, strict=False)
            )
            self._changed.notify_all()
            return min(room, len(messages))

    def take(
        self,
        unsettled: set[int],
        room: Callable[[], int],
        timeout: float,
        expires_after: float | None,
    ) -> list[Message]:
        """Deliver as many as there is room for, waiting at most `timeout` seconds for the first.

        Their ids are added to `unsettled`, and taken out of it when they expire. Less than no room
        ends the wait: the consumer has closed.
        """
        deadline = self._clock() + timeout
        with self._changed:
            while (count := self._room(room)) == 0:
                if deadline <= self._clock():
                    return []
                wake = min(deadline, self._expiries[0][0]) if self._expiries else deadline
                self._changed.wait(max(wake - self._clock(), 0))
            return self._deliver(count, unsettled, expires_after) if count > 0 else []

    def settle(self, ids: Iterable[int]) -> list[int]:
        """Forget these deliveries; those that had expired before."""
        with self._changed:
            late = [i for i in ids if self._unsettled.pop(i, None) is None]
            self._changed.notify_all()
            return late

    def give_back(self, ids: Iterable[int]) -> None:
        """Put these deliveries back to the places they had. Expired ones are there already."""
        with self._changed:
            for i in list(ids):
                if i in self._unsettled:
                    heapq.heappush(self._again, self._unsettled.pop(i))
            self._changed.notify_all()

    def _room(self, room: Callable[[], int]) -> int:
        """How many to deliver, once what has expired is given back."""
        while self._expiries and self._expiries[0][0] <= self._clock():
            _, ids, unsettled = heapq.heappop(self._expiries)
            unsettled.difference_update(ids)
            self.give_back(ids)
        return min(room(), self.ready)

    def _deliver(
        self, count: int, unsettled: set[int], expires_after: float | None
    ) -> list[Message]:
        again = [heapq.heappop(self._again) for _ in range(min(count, len(self._again)))]
        records = again + [self._fresh.popleft() for _ in range(count - len(again))]
        ids = list(itertools.islice(self._ids, count))
        self._unsettled.update(zip(ids, records, strict=True))
        unsettled.update(ids)
        if expires_after is not None:
            heapq.heappush(self._expiries, (self._clock() + expires_after, ids, unsettled))
        return [
            Message(data, key, headers, at, i)
            for (_, data, key, headers, at), i in zip(records, ids, strict=True)
        ]


_topics: dict[str, Topic] = {}
_documents: dict[str, bytes] = {}
_lock = threading.Lock()


def topic(name: str) -> Topic:
    """The topic of that name, made when it is first named."""
    with _lock:
        return _topics.setdefault(name, Topic())


def delete(name: str) -> None:
    """Forget the topic of that name."""
    with _lock:
        _topics.pop(name, None)


def documents() -> dict[str, bytes]:
    """The documents by key. Single reads and writes of a dict are atomic."""
    return _documents


def clear() -> None:
    """Forget every topic and document, for tests."""
    with _lock:
        _topics.clear()
        _documents.clear()
