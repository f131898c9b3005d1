"""*Write a backend* is walked from its first line to its last."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from sybil import Document
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from tests.packaging.environment import Shelf, clean
from tests.packaging.repack import needed, repack
from tests.packaging.workspace import PROJECTS, ROOT

PAGE = ROOT / "docs/how-to/write-a-backend.md"


@attrs.define
class Shell:
    """A shell that goes on where it was: same folder, same variables."""

    folder: Path
    variables: dict[str, str]
    printed: str = ""

    def run(self, script: str) -> None:
        """Run commands; the walk ends at the first that fails."""
        after = "\0--after--\0"
        script = f"set -e\n{script}\nprintf '{after}'\npwd\nenv -0".replace("\0", "\\0")
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        self.printed, _, state = done.stdout.partition(after)
        assert state, f"{script}\n{done.stdout}\n{done.stderr}"
        folder, _, variables = state.partition("\n")
        self.folder = Path(folder)
        self.variables = dict(pair.split("=", 1) for pair in variables.split("\0") if "=" in pair)


def commands(block: str) -> str:
    """The commands of a console block: after ``$``, and on the lines after ``>`` that go on."""
    return "".join(re.sub(r"^[$>] ?", "", line) for line in block.splitlines(keepends=True))


def blocks() -> Iterator[tuple[str, str, int]]:
    """Language, text and line of each fenced block of the page, in order."""
    document = Document(PAGE.read_text(), str(PAGE))
    for region in FencedCodeBlockLexer(r"\w+")(document):
        line = document.text.count("\n", 0, region.start) + 1
        yield region.lexemes["language"], region.lexemes["source"], line


def said(expected: str, printed: str) -> bool:
    """Whether the lines were printed, one after the other; ``…`` is anything, or nothing."""
    lines = [".*".join(map(re.escape, line.split("…"))) for line in expected.splitlines()]
    return re.search(r"[\s\S]*?\n".join(lines), printed) is not None


@pytest.fixture
def shell(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One in an empty folder, whose installers know the shelf and no index."""
    shelf = Shelf.inside(tmp_path_factory.getbasetemp())
    for name in needed(["mypy", "ruff"], [project.name for project in PROJECTS]):
        repack(name, shelf.house)
    folders = [str(shelf.built), str(shelf.house)]
    more = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": shlex.join(folders),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": ",".join(folders),
        "UV_CACHE_DIR": str(shelf.cache),
        "UV_NO_CONFIG": "1",
    }
    return Shell(tmp_path, clean(more))


@pytest.mark.timeout(400)
def test_the_walk_leads_from_nothing_to_a_backend_that_runs(shell: Shell) -> None:
    """Every command works, every file is as it stands, and what is said is what is printed."""
    for language, source, line in blocks():
        if language == "console":
            shell.run(commands(source))
        elif language == "python":
            path = shell.folder / source.partition("\n")[0].removeprefix("# ")
            assert path.exists(), f"line {line}: the scaffold has no {path}"
            path.write_text(source.partition("\n")[2])
        elif language == "text":
            assert said(source, shell.printed), f"line {line}: printed was\n{shell.printed}"
        else:
            pytest.fail(f"line {line}: nobody runs a block of {language}")


def test_every_block_is_walked() -> None:
    """The page has commands, files and what is printed, and no more kinds of blocks."""
    kinds = [language for language, _, _ in blocks()]
    assert set(kinds) == {"console", "python", "text"}
    assert PAGE.read_text().count("\n```") == 2 * len(kinds)
