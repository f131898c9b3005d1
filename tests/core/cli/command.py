"""The command as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "geowatch_core"]

SIMPLE = """
name = "numbers"

[[consumers]]
backend = "file"
path = "in.jsonl"
codec = "json"
remember = false

[[producers]]
backend = "file"
path = "out.jsonl"
codec = "json"
"""
"""From one file to another; it ends with the file."""

ENDLESS = SIMPLE.replace("remember = false", "follow = true")
"""It waits for more."""

STUCK = """
drain_timeout = 60

[[consumers]]
backend = "file"
path = "in.jsonl"
codec = "json"

[[producers]]
backend = "memory"
topic = "full"
codec = "json"
capacity = 1
"""
"""Its destination has room for one message and nobody makes more."""


def environment(**variables: str) -> dict[str, str]:
    """That of this process, in which warnings are errors and outputs are UTF-8."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**plain, "PYTHONWARNINGS": "error", "PYTHONUTF8": "1", **variables}


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def start(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start the command in a folder."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write(folder: Path, name: str, text: str) -> None:
    """Write a file."""
    (folder / name).write_text(text)


def numbers(folder: Path, count: int) -> None:
    """Write ``in.jsonl`` with that many lines."""
    write(folder, "in.jsonl", "".join(f'{{"n":{n}}}\n' for n in range(count)))
