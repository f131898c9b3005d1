"""What the documentation says is run as it stands."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from geowatch_core.config import check_config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WALKS = {"django.md", "getting-started.md", "write-a-backend.md"}
"""Pages whose commands need more than this: they have a test of their own."""

SERVED = {"kafka.md", "kinesis.md", "memcached.md", "s3.md", "sns.md", "sqs.md"}
"""Pages whose Python needs a server: it runs in the tests that have one."""


def blocks(page: Path) -> Iterator[tuple[str, str, int]]:
    """Language, text and line of each fenced block, in order."""
    document = Document(page.read_text(), str(page))
    for region in FencedCodeBlockLexer(r"\w+")(document):
        line = document.text.count("\n", 0, region.start) + 1
        yield region.lexemes["language"], region.lexemes["source"], line


def run(source: str, place: str, namespace: dict[str, Any]) -> str:
    """Run a block; what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, place, "exec"), namespace)
    return printed.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples in it, as a clone has them."""
    shutil.copytree(ROOT / "examples/quakes", tmp_path / "examples/quakes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pages_with(language: str) -> list[Any]:
    """The pages that have blocks in that language."""
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if page.name not in WALKS
        and (language != "python" or page.name not in SERVED)
        and any(name == language for name, _, _ in blocks(page))
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", pages_with("python"))
def test_the_python_of_a_page_runs_and_prints_what_the_page_says(page: Path) -> None:
    """Each block runs after those above it, and a text block below is what it printed."""
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = None
    for language, source, line in blocks(page):
        if language == "python":
            printed = run(source, f"{page.name}:{line}", namespace)
        elif language == "text" and printed is not None:
            assert printed == source, f"{page.name}:{line}"
            printed = None


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", pages_with("toml"))
def test_each_configuration_on_a_page_has_no_mistake(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every TOML block that holds brokers passes the check that the command makes."""
    monkeypatch.setenv("QUAKES", "quakes")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    for language, source, line in blocks(page):
        table = tomllib.loads(source) if language == "toml" else {}
        if "brokers" in table:
            checked = check_config(table)
            assert not checked.mistakes, f"{page.name}:{line}"


def test_every_link_between_pages_leads_somewhere() -> None:
    """A relative link on a page names a file of the repository."""
    lost = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert lost == []
