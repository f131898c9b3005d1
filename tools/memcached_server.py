"""A memcached on loopback, for tests, examples and benchmarks.

The one on the PATH is taken; for want of that, Debian's package is fetched into the cache folder
and run from there, without being installed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tools.local import HOST, Server, debian, free_ports, listening

__all__ = ["MemcachedServer", "program"]

_PACKAGES = ("memcached", "libevent-2.1-7", "libsasl2-2")


@cache
def program() -> tuple[Path, Mapping[str, str]]:
    """The program, and what its environment needs.

    Raises:
        Unavailable: there is none, and it cannot be fetched.
    """
    installed = shutil.which("memcached")
    if installed:
        return Path(installed), {}
    root = debian(*_PACKAGES)
    folders = {str(each.parent) for each in root.rglob("*.so.*")}
    return root / "usr/bin/memcached", {"LD_LIBRARY_PATH": os.pathsep.join(sorted(folders))}


class MemcachedServer(Server):
    """One memcached, which forgets everything when it is killed.

    Args:
        folder: for its log.
        arguments: what it is started with beside its port, such as ``"-M"``.
        port: of loopback; a free one, if not given.
    """

    def __init__(self, folder: Path, *arguments: str, port: int | None = None) -> None:
        binary, environment = program()
        self.port = port or free_ports(1)[0]
        # It refuses to serve as root unless it is told which user to be.
        user = ["-u", "root"] if os.geteuid() == 0 else []
        command = [binary, "-l", HOST, "-p", str(self.port), "-U", "0", *user, *arguments]
        super().__init__(
            command,
            ready=self._ready,
            log=folder / f"memcached-{self.port}.log",
            environment=environment,
        )

    @property
    def address(self) -> str:
        """Host and port, as the option ``servers`` takes them."""
        return f"{HOST}:{self.port}"

    def _ready(self) -> bool:
        return listening(self.port)
