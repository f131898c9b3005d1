"""Kinesalite, a Kinesis written by others: it ends closed shards, and iterators grow too old."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tools.local import HOST, Server, free_ports, listening, npm

__all__ = ["age_iterators", "kinesalite"]

_VERSION = "3.3.3"


def kinesalite(folder: Path, *, keep: bool = False) -> tuple[Server, str]:
    """A server that is not started yet, and its URL.

    Args:
        folder: where its log goes.
        keep: whether it keeps its streams there, and has them again after it was killed.

    Raises:
        Unavailable: no Node.js, or npm cannot fetch it.
    """
    modules = npm("kinesalite", _VERSION)
    (port,) = free_ports(1)
    data = [folder / f"kinesalite-{port}"] if keep else []
    command = ["node", Path(__file__).with_suffix(".js"), modules, str(port), *data]
    log = folder / f"kinesalite-{port}.log"
    return Server(command, ready=lambda: listening(port), log=log), f"http://{HOST}:{port}"


def age_iterators(server: Server) -> None:
    """Make every iterator that it gave out too old. Its clock goes on from there."""
    os.kill(server.pid, signal.SIGUSR2)
