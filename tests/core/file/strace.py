"""Run a program under strace, or say by name that the test was not run."""

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.file.files import run

CALLS = "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2"
CALL = re.compile(r"(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)\) += +(?P<result>.*)")


@functools.cache
def missing() -> str:
    """Why strace cannot be used here; nothing, if it can."""
    found = shutil.which("strace")
    if found is None:
        return "strace is not installed"
    tried = subprocess.run(
        [found, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return f"strace cannot trace here: {tried.stderr.strip()}" if tried.returncode else ""


def strace(log: Path, *options: str) -> list[str]:
    """The command, or a skip of the test with the reason."""
    if missing():
        pytest.skip(missing())
    return ["strace", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", *options, "-o", str(log)]


def traced(log: Path, program: str, *arguments: object, inject: str = "") -> Any:
    """The ended process of a Python program."""
    options = ["-e", f"inject={inject}"] if inject else []
    return run(program, *arguments, under=strace(log, *options))


def calls(log: Path, folder: Path) -> Iterator[str]:
    """Calls on what is in a folder and on standard error, in order, as ``name path``."""
    for line in log.read_text().splitlines():
        call = CALL.match(line)
        if not call or call["result"].startswith("-1"):
            continue
        name, arguments = call["name"], call["arguments"]
        if name == "write" and arguments.startswith("2<"):
            yield f"said {arguments.split(', ')[1].strip(chr(34))}"
        elif name.startswith("rename"):
            old, new = re.findall(r'"([^"]*)"', arguments)
            yield f"rename {Path(old).name} {Path(new).name}"
        elif name in {"write", "pwrite64", "ftruncate", "fsync", "fdatasync"}:
            path = re.findall(r"<([^>]*)>", arguments)[0]
            if path == str(folder) or Path(path).parent == folder:
                yield f"{name} {'.' if path == str(folder) else Path(path).name}"
