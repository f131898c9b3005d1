"""The only file that drains through Django's ORM, and turns its exceptions into ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, ParamSpec, TypeVar

from geowatch_core.contrib.django.outbox._worker import Worker
from geowatch_core.contrib.django.outbox.sending import unpack_headers
from geowatch_core.errors import ClosedError, PermanentError, RetryableError
from geowatch_core.message import Message

try:
    import django
    from django.apps import apps
    from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured
    from django.db import DatabaseError, InterfaceError, OperationalError, connections, transaction
    from django.db.models import Q, QuerySet
    from django.db.models.functions import Now
    from django.utils.connection import ConnectionDoesNotExist
except ImportError as error:
    raise ImportError(
        "django-outbox needs Django; install it with: pip install 'geowatch-core[django]'",
        name=error.name,
    ) from error

__all__ = ["Outbox"]

P = ParamSpec("P")
T = TypeVar("T")

_CHUNK = 500
"""Ids in one statement: SQLite takes only so many parameters."""
_SQLITE_PASSING = {5, 6, 7, 10, 13, 15}
"""BUSY, LOCKED, NOMEM, IOERR, FULL, PROTOCOL (https://www.sqlite.org/rescode.html)."""
_SQLSTATE_REFUSED = ("28", "3D", "42")
"""Wrong password, no such database, no such table or no right to it
(https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


class Outbox:
    """The rows of one topic, as one consumer sees them. Each call is one transaction.

    Its calls may come from any thread: they run in one that owns the connection. A call that the
    database does not answer within `timeout` seconds fails, and what it may have taken is given
    back when it is answered after all.

    Args:
        using: which of Django's databases.
        topic: whose rows.
        lease: the number that its rows are held under.
        seconds: how long the lease is good for without being renewed.
        timeout: seconds that one call may take.
    """

    def __init__(self, using: str, topic: str, lease: int, seconds: float, timeout: float) -> None:
        _set_up(using)
        from geowatch_core.contrib.django.models import OutboxLease, OutboxMessage

        self._messages: Any = OutboxMessage
        self._leases: Any = OutboxLease
        self._using = using
        self._topic = topic
        self._lease = lease
        self._seconds = seconds
        self._timeout = timeout
        self._process = os.getpid()
        self._gate = threading.Lock()
        self._closed = False
        self._worker = Worker(f"outbox {topic}")
        try:
            self._call(self._renew)
        except BaseException:
            self._end_worker()
            raise

    def take(self, count: int) -> list[Message]:
        """Lease the first `count` messages that nobody holds, in order."""
        return self._call(self._take, count, late=self._give_back)

    def ready(self) -> bool:
        """Whether there is a message that nobody holds. Locks nothing."""
        return self._call(lambda: bool(self._free().exists()))

    def done(self) -> bool:
        """Whether there is nothing but what this lease holds."""
        return self._call(lambda: not self._rows().exclude(lease=self._lease).exists())

    def renew(self) -> None:
        """Hold what the lease holds for longer."""
        self._call(self._renew)

    def remove(self, ids: Sequence[int]) -> int:
        """Delete messages, if this lease still holds them; how many it did."""
        return self._call(self._remove, ids)

    def release(self, ids: Sequence[int]) -> None:
        """Give messages back."""
        self._call(self._release, ids)

    def close(self) -> None:
        """Give back all that the lease holds, forget it, and close the connection."""
        if os.getpid() != self._process:
            return  # what a child of fork inherited is its parent's to close
        with self._gate:  # what was not submitted before is not submitted any more
            self._closed = True
            ended = self._worker.submit(self._guarded, self._end)
        try:
            self._answer(ended)
        finally:
            self._end_worker()

    # --- what runs in the thread of the connection ----------------------------------------------

    def _take(self, count: int) -> list[Message]:
        self._renew()  # on SQLite this takes the write lock, for which a reader could not wait
        skip = connections[self._using].features.has_select_for_update_skip_locked
        found = self._free().order_by("id").select_for_update(skip_locked=skip)
        ids = list(found.values_list("id", flat=True)[:count])
        # Locked now, and looked at again: a row that another consumer has just taken would seem
        # free to a statement that began before that one's lease was there to be seen.
        columns = ("id", "data", "key", "headers", "time")
        rows = [
            row
            for chunk in _chunks(ids)
            for row in self._free().filter(id__in=chunk).order_by("id").values_list(*columns)
        ]
        for chunk in _chunks([row[0] for row in rows]):
            self._rows().filter(id__in=chunk).update(lease=self._lease)
        return [
            Message(bytes(data), _bytes(key), unpack_headers(_bytes(headers)), at, position)
            for position, data, key, headers, at in rows
        ]

    def _renew(self) -> None:
        # Nobody else knows the number of this lease, so what is not there nobody makes meanwhile.
        until = Now() + timedelta(seconds=self._seconds)
        leases = self._leases.objects.using(self._using)
        if not leases.filter(id=self._lease).update(until=until):
            leases.create(id=self._lease, until=until)

    def _remove(self, ids: Sequence[int]) -> int:
        return sum(self._mine(chunk).delete()[0] for chunk in _chunks(ids))

    def _release(self, ids: Sequence[int]) -> None:
        for chunk in _chunks(ids):
            self._mine(chunk).update(lease=None)

    def _end(self) -> None:
        self._messages.objects.using(self._using).filter(lease=self._lease).update(lease=None)
        leases = self._leases.objects.using(self._using)
        leases.filter(id=self._lease).delete()
        held = self._messages.objects.using(self._using).filter(lease__isnull=False)
        leases.filter(until__lt=Now()).exclude(id__in=held.values("lease")).delete()

    def _rows(self) -> QuerySet[Any]:
        return self._messages.objects.using(self._using).filter(topic=self._topic)

    def _mine(self, ids: Sequence[int]) -> QuerySet[Any]:
        return self._rows().filter(id__in=ids, lease=self._lease)

    def _free(self) -> QuerySet[Any]:
        alive = self._leases.objects.using(self._using).filter(until__gt=Now()).values("id")
        return self._rows().filter(Q(lease__isnull=True) | ~Q(lease__in=alive))

    def _give_back(self, taken: list[Message]) -> None:
        if taken:
            self._worker.submit(self._guarded, self._release, [m.position for m in taken])

    def _guarded(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._translated(), transaction.atomic(using=self._using):
            return act(*args, **kwargs)

    # --- what runs in the caller's thread -------------------------------------------------------

    def _call(
        self, act: Callable[..., T], *args: Any, late: Callable[[T], None] | None = None
    ) -> T:
        if os.getpid() != self._process:
            raise PermanentError(
                "A consumer of the outbox was used after a fork",
                got=self._topic,
                fix="Open consumers in the process that uses them.",
            )
        with self._gate:
            if self._closed:
                raise ClosedError(f"The outbox of {self._topic} was closed", fix="Open it again.")
            future: Future[T] = self._worker.submit(self._guarded, act, *args)
        return self._answer(future, late)

    def _answer(self, future: Future[T], late: Callable[[T], None] | None = None) -> T:
        try:
            return future.result(self._timeout)
        except TimeoutError as error:
            if not future.cancel() and late is not None:
                future.add_done_callback(partial(_too_late, late))
            what = f"The database {self._using} does not answer"
            fix = "See whether it is up and who holds locks there, or give a longer timeout."
            raise RetryableError(what, got=self._timeout, fix=fix) from error

    def _end_worker(self) -> None:
        self._worker.submit(self._hang_up)
        self._worker.end(self._timeout)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, InterfaceError, ImproperlyConfigured) as error:
            self._hang_up()
            what = f"The database {self._using} says: {str(error).strip()}"
            if _may_pass(error):
                fix = "See whether it is up; the next call connects again."
                raise RetryableError(what, got=self._topic, fix=fix) from error
            fix = "Run manage.py migrate, and see whether DATABASES is right."
            raise PermanentError(what, got=self._topic, fix=fix) from error

    def _hang_up(self) -> None:
        """A connection that failed is not used again; the next call opens another one."""
        try:
            connections[self._using].close()
        except (DatabaseError, InterfaceError):
            connections[self._using].connection = None


def _set_up(using: str) -> None:
    """Have Django ready, also in a process that is not its own, such as ``geowatch-core run``."""
    try:
        if not apps.ready:
            django.setup()
        installed = apps.is_installed("geowatch_core.contrib.django")
        connections[using]
    except (ImproperlyConfigured, AppRegistryNotReady) as error:
        fix = "Set the environment variable DJANGO_SETTINGS_MODULE, or run it with manage.py."
        raise PermanentError(f"Django is not set up: {error}", fix=fix) from error
    except ConnectionDoesNotExist as error:
        fix = f"DATABASES has {', '.join(connections)}."
        raise PermanentError("Django has no such database", got=using, fix=fix) from error
    if not installed:
        fix = 'Add "geowatch_core.contrib.django" to INSTALLED_APPS, and run manage.py migrate.'
        raise PermanentError("The outbox is not an application of this project", fix=fix)


def _may_pass(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_PASSING
    return not str(getattr(cause, "sqlstate", None) or "").startswith(_SQLSTATE_REFUSED)


def _too_late(late: Callable[[T], None], future: Future[T]) -> None:
    if not future.cancelled() and future.exception() is None:
        late(future.result())


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[i : i + _CHUNK] for i in range(0, len(ids), _CHUNK))


def _bytes(value: Any) -> bytes | None:
    """What a driver gives for a binary column: psycopg a memoryview, sqlite3 bytes."""
    return None if value is None else bytes(value)
