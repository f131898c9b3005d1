"""A writer or a drain in a process of its own, to be killed at any moment.

Usage: python worker.py write FIRST END    one transaction a number, some of which roll back
       python worker.py drain OUT          a broker from the outbox to a file, until it is empty
       python worker.py follow OUT         the same, for ever

It prints what is sure: a number whose commit returned.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django

ALIAS = "default"
TOPIC = "quakes"
PATIENCE = 200.0
"""Seconds for a killed server to come back: on a busy disk it takes its time to recover."""


def bad(number: int) -> bool:
    """Whether the transaction of that number rolls back."""
    return number % 5 == 3


def write(first: int, end: int) -> None:
    """Each number in a transaction of its own, with its row in the project's table."""
    from django.db import DatabaseError, InterfaceError, transaction

    from geowatch_core.contrib.django import outbox
    from tests.django.project.quakes.models import Quake

    for number in range(first, end):
        while True:
            try:
                with transaction.atomic():
                    Quake.objects.create(number=number)
                    outbox.send({"number": number}, topic=TOPIC)
                    if bad(number):
                        transaction.set_rollback(True)
            except (DatabaseError, InterfaceError):
                # The server was killed: whether it committed is not known.
                if in_the_end(Quake.objects.filter(number=number).exists):
                    break
                continue
            break
        if not bad(number):
            print(number, flush=True)


def in_the_end(ask: Callable[[], bool]) -> bool:
    """What the database says when it answers again."""
    from django.db import DatabaseError, InterfaceError, connection

    deadline = time.monotonic() + PATIENCE
    while True:
        connection.close()
        try:
            return ask()
        except (DatabaseError, InterfaceError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"the database did not come back: {error}") from error
            time.sleep(0.1)


def drain(path: str, until_empty: bool) -> None:
    """Run a broker."""
    from geowatch_core import provision_broker

    source: dict[str, Any] = {
        "backend": "django-outbox",
        "topic": TOPIC,
        "poll": 0.01,
        "lease": 1.5,
        "until_empty": until_empty,
        "max_tries": 100,
        "sleep_period": 0.1,
    }
    config = {
        "consumers": [source],
        "producers": [{"backend": "file", "path": path, "codec": "json", "max_tries": 1}],
        "count": 20,
        "timeout": 0.1,
        "retry": {"attempts": 1000, "cap": 0.5, "time": 120.0},
    }
    print(provision_broker(config).run())


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.project.settings")
    django.setup()
    command, *rest = sys.argv[1:]
    if command == "write":
        write(int(rest[0]), int(rest[1]))
    else:
        drain(rest[0], until_empty=command == "drain")
