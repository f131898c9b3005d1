"""The service itself: topics and documents, shared by name within this process."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from geowatch_core.message import Headers, Message

Record = tuple[bytes, bytes | None, Headers, float | None]


class Topic:
    """A queue in order, whose deliveries are settled one by one.

    Every delivery has an id of its own, so that a late settlement of an expired one is known.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._ready: deque[Record] = deque()
        self._unsettled: dict[int, Record] = {}
        self._expiries: deque[tuple[float, range]] = deque()
        self._next = 0

    def __len__(self) -> int:
        """How many messages it holds, the unsettled included."""
        return len(self._ready) + len(self._unsettled)

    @property
    def ready(self) -> int:
        """How many wait to be delivered."""
        return len(self._ready)

    def put(self, messages: Sequence[Message], capacity: int | None) -> int:
        """Keep as many as there is room for, in order; how many."""
        with self._changed:
            room = len(messages) if capacity is None else max(capacity - len(self), 0)
            self._ready.extend((m.data, m.key, m.headers, m.time) for m in messages[:room])
            self._changed.notify_all()
            return min(room, len(messages))

    def take(
        self, room: Callable[[], int], timeout: float, expires_after: float | None
    ) -> list[Message]:
        """Deliver as many as there is room for, waiting at most `timeout` seconds for the first.

        Less than no room ends the wait: the consumer has closed.
        """
        deadline = self._clock() + timeout
        with self._changed:
            while (count := min(room(), self._expire())) == 0:
                if deadline <= self._clock():
                    return []
                wake = min([deadline, *(at for at, _ in itertools.islice(self._expiries, 1))])
                self._changed.wait(max(wake - self._clock(), 0))
            return self._deliver(max(count, 0), expires_after)

    def settle(self, ids: Sequence[int]) -> list[int]:
        """Forget these deliveries; those that had expired before."""
        with self._changed:
            late = [i for i in ids if self._unsettled.pop(i, None) is None]
            self._changed.notify_all()
            return late

    def give_back(self, ids: Sequence[int]) -> None:
        """Put these deliveries back to the front, in the order they had. Expired ones are back."""
        with self._changed:
            records = [self._unsettled.pop(i) for i in sorted(ids) if i in self._unsettled]
            self._ready.extendleft(reversed(records))
            self._changed.notify_all()

    def wake(self) -> None:
        """Have everyone who waits look again."""
        with self._changed:
            self._changed.notify_all()

    def _deliver(self, count: int, expires_after: float | None) -> list[Message]:
        ids = range(self._next, self._next + count)
        self._next += count
        records = [self._ready.popleft() for _ in ids]
        self._unsettled.update(zip(ids, records, strict=True))
        if expires_after is not None:
            self._expiries.append((self._clock() + expires_after, ids))
        return [
            Message(data, key, headers, at, i)
            for (data, key, headers, at), i in zip(records, ids, strict=True)
        ]

    def _expire(self) -> int:
        """Give back what has expired; how many messages are ready then."""
        while self._expiries and self._expiries[0][0] <= self._clock():
            _, ids = self._expiries.popleft()
            self.give_back(ids)
        return len(self._ready)


_topics: dict[str, Topic] = {}
_documents: dict[str, bytes] = {}
_lock = threading.Lock()


def topic(name: str) -> Topic:
    """The topic of that name, made when it is first named."""
    with _lock:
        return _topics.setdefault(name, Topic())


def documents() -> dict[str, bytes]:
    """The documents by key. Single reads and writes of a dict are atomic."""
    return _documents


def clear() -> None:
    """Forget every topic and document, for tests."""
    with _lock:
        _topics.clear()
        _documents.clear()
