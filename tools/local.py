"""Servers for tests, examples and benchmarks: fetched, run on loopback, and gone with us.

Package managers fetch them, and nothing is installed: what was fetched lies in a cache folder,
`GEOWATCH_CACHE` or `~/.cache/geowatch`, where the next run finds it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

__all__ = [
    "HOST",
    "Server",
    "Unavailable",
    "cache",
    "debian",
    "free_ports",
    "listening",
    "maven",
    "npm",
    "until",
]

HOST = "127.0.0.1"
_DIES_WITH_US = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the parent is gone already")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Unavailable(Exception):  # noqa: N818 - a state of this machine, and not of a program
    """What a server is made of cannot be had on this machine; the text says what is missing."""


def cache() -> Path:
    """The folder of what was fetched."""
    given = os.environ.get("GEOWATCH_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "geowatch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on, all different."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def until(holds: Callable[[], bool], what: str, patience: float = 60.0) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not within `patience` seconds; says `what` was waited for.
    """
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not within {patience:g} s")
        time.sleep(0.02)


class Server:
    """A child process that serves on loopback. It is killed when the thread that started it ends.

    Args:
        command: the program and its arguments.
        ready: asked again and again after the start until it says that the server answers.
        log: where its output goes; it is appended to.
        environment: variables beside those of this process.
        patience: seconds until it must be ready.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        ready: Callable[[], bool],
        log: Path,
        environment: Mapping[str, str] | None = None,
        patience: float = 90.0,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log = log
        self._ready = ready
        self._environment = {**os.environ, **(environment or {})}
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, which must be running."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> Self:
        """Start it, also again after it was killed, and wait until it is ready."""
        leash = [sys.executable, "-I", "-S", "-c", _DIES_WITH_US, str(os.getpid())]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [*leash, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._environment,
            )
        try:
            until(self._answers, f"{Path(self.command[0]).name} is ready", self._patience)
        except BaseException:
            self.kill()
            raise
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.command[0]} ended with {self._process.returncode}:\n{tail}")
        return self._ready()

    def stop(self, patience: float = 20.0) -> None:
        """SIGTERM, and SIGKILL if it is still there after `patience` seconds."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
            self.thaw()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self.kill()

    def kill(self) -> None:
        """SIGKILL; what it had not written to its disk is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections, and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        # The signal is on its way when kill returns: a thread of it may answer one more time.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def thaw(self) -> None:
        """SIGCONT: it goes on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()


def maven(name: str, *coordinates: str) -> str:
    """The class path of jars and all that they need, ``group:artifact:version`` each.

    Args:
        name: of the folder in the cache that remembers it.
        coordinates: of the jars.

    Raises:
        Unavailable: there is no Java or no Maven, or Maven could not fetch them.
    """
    for program in ("java", "mvn"):
        _require(program)
    with _folder(f"maven-{name}") as folder:
        answer = folder / "class-path.txt"
        wanted = folder / "pom.xml"
        pom = _pom(coordinates)
        if wanted.exists() and wanted.read_text() == pom and answer.exists():
            known = answer.read_text().strip()
            if all(Path(jar).exists() for jar in known.split(os.pathsep)):
                return known
        wanted.write_text(pom)
        goal = ["dependency:build-classpath", f"-Dmdep.outputFile={answer}"]
        _fetch(["mvn", "--batch-mode", "--quiet", f"--file={wanted}", *goal], folder)
        return answer.read_text().strip()


def _pom(coordinates: Sequence[str]) -> str:
    dependencies = ""
    for each in coordinates:
        group, artifact, version = map(escape, each.split(":"))
        dependencies += (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>"
        )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>local</groupId><artifactId>servers</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>\n"
    )


def npm(package: str, version: str) -> Path:
    """The `node_modules` folder that has a package of the npm registry.

    Raises:
        Unavailable: there is no Node.js, or npm could not fetch it.
    """
    for program in ("node", "npm"):
        _require(program)
    with _folder(f"npm-{package}-{version}") as folder:
        modules = folder / "node_modules"
        if not (folder / "fetched").exists():
            quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--no-save"]
            _fetch(["npm", "install", *quiet, f"--prefix={folder}", f"{package}@{version}"], folder)
            (folder / "fetched").touch()
        return modules


def debian(*packages: str) -> Path:
    """A folder into which Debian packages were unpacked, without installing them.

    Raises:
        Unavailable: this is no Debian, or the packages could not be fetched.
    """
    for program in ("apt-get", "dpkg"):
        _require(program)
    with _folder(f"debian-{'-'.join(packages)}") as folder:
        root = folder / "root"
        if not (folder / "fetched").exists():
            try:
                _fetch(["apt-get", "download", *packages], folder)
            except Unavailable:
                _fetch(["apt-get", "update"], folder)
                _fetch(["apt-get", "download", *packages], folder)
            for archive in folder.glob("*.deb"):
                _fetch(["dpkg", "--extract", str(archive), str(root)], folder)
            (folder / "fetched").touch()
        return root


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise Unavailable(f"{program} is not on this machine")


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A folder of the cache that no other process fills meanwhile."""
    folder = cache() / name.replace("/", "-")
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _fetch(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-1000:]
        raise Unavailable(f"{' '.join(command[:2])} failed: {said}")
