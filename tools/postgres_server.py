"""PostgreSQL for tests and examples: on loopback, in a temporary folder, killed like a machine.

Found on PATH or where Debian keeps it; otherwise the Debian package is unpacked into the cache.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tools.local import HOST, Server, Unavailable, debian, free_ports, until

__all__ = ["USER", "PostgresServer"]

USER = "geowatch"
"""The superuser of the server; it needs no password on loopback."""
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "log_min_messages": "warning",
}


class PostgresServer:
    """A server with one database, ``postgres``, to begin with.

    PostgreSQL refuses to run as root: then it runs as the system user postgres, or else nobody.

    Args:
        port: where it listens; a free one, if not given.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_ports(1)[0]
        self._folder = Path(tempfile.mkdtemp(prefix="geowatch-postgres-"))
        self._server: Server | None = None

    def start(self) -> Self:
        """Start it, also again after it was killed: it recovers what it had committed."""
        if self._server is None:
            self._server = self._made()
        self._server.start()
        return self

    def kill(self) -> None:
        """SIGKILL every process of it at once, as a power cut would."""
        assert self._server is not None, "not started"
        _, *children = self._processes()
        self._signal(signal.SIGKILL)
        self._server.kill()
        # What is left of its shared memory would keep it from starting again.
        until(lambda: not any(map(_runs, children)), "every process of PostgreSQL is gone")

    def freeze(self) -> None:
        """SIGSTOP every process of it: connections stay, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Remove it with all that it kept; nothing of that is worth a shutdown in good order."""
        if self._server is not None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def _processes(self) -> list[int]:
        """The server, and the processes that it has begun."""
        assert self._server is not None, "not started"
        master = self._server.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text()
        return [master, *map(int, children.split())]

    def _made(self) -> Server:
        programs, libraries = _programs()
        data = self._folder / "data"
        environment = {"LC_ALL": "C", **({"LD_LIBRARY_PATH": libraries} if libraries else {})}
        initdb = [programs / "initdb", f"--pgdata={data}", f"--username={USER}"]
        initdb += ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        as_user = _as_other_user(self._folder)
        command = [str(part) for part in [*as_user, *initdb]]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
        )
        if done.returncode:
            raise Unavailable(f"initdb failed: {done.stderr.strip()[-1000:]}")
        settings = [f"-c{name}={value}" for name, value in {**_SETTINGS, "port": self.port}.items()]
        return Server(
            [*as_user, programs / "postgres", "-D", data, *settings],
            ready=lambda: _accepts(programs / "pg_isready", self.port, environment),
            log=self._folder / "log",
            environment=environment,
        )


def _accepts(program: Path, port: int, environment: dict[str, str]) -> bool:
    command = [program, "--quiet", f"--host={HOST}", f"--port={port}"]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode == 0


def _runs(process: int) -> bool:
    """Whether there is such a process that is not merely waiting to be reaped."""
    with suppress(FileNotFoundError, ProcessLookupError):
        stat = Path(f"/proc/{process}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


def _programs() -> tuple[Path, str]:
    """The folder of the programs, and that of libraries that they need beside the system's."""
    on_path = shutil.which("initdb")
    folder = Path(on_path).resolve().parent if on_path else Path()  # it may be a link to there
    if on_path and all((folder / name).exists() for name in ("postgres", "pg_isready")):
        return folder, ""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if installed:
        return installed[-1].parent, ""
    root = debian(_newest_package(), "libpq5")
    (initdb,) = root.glob("usr/lib/postgresql/*/bin/initdb")
    (library,) = root.glob("usr/lib/*/libpq.so.5")
    return initdb.parent, str(library.parent)


def _version(program: Path) -> int:
    return int(program.parts[-3]) if program.parts[-3].isdecimal() else 0


def _newest_package() -> str:
    if shutil.which("apt-cache") is None:
        raise Unavailable("PostgreSQL is not on this machine, and this is no Debian")
    search = ["apt-cache", "search", "--names-only", r"^postgresql-[0-9]+$"]
    found = subprocess.run(search, capture_output=True, text=True, check=False).stdout
    versions = [int(number) for number in re.findall(r"^postgresql-(\d+)\b", found, re.MULTILINE)]
    if not versions:
        raise Unavailable("PostgreSQL is not on this machine, and apt-cache knows no package of it")
    return f"postgresql-{max(versions)}"


def _as_other_user(folder: Path) -> Sequence[str]:
    """What goes before a command so that it does not run as root; the folder is made its own."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise Unavailable("PostgreSQL does not run as root, and there is no setpriv here")
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    # The signal that has it die with us is lost when the user changes, so setpriv asks for it anew.
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *ids, "--pdeathsig=KILL"]
