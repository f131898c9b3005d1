"""The page *Coming from geowatch-util* has every name of 2015, and says truly which are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import geowatchutil
from tests.docs.test_pages import ROOT

PAGE = ROOT / "docs/coming-from-geowatch-util.md"
NAMES = [
    line
    for line in Path(__file__).with_name("names-2015.txt").read_text().splitlines()
    if not line.startswith("#")
]
STILL = re.compile(r"^yes\b|^`build_codec` only|^as what provisioning returns")


def rows() -> list[list[str]]:
    """The cells of the table of names."""
    text = PAGE.read_text().partition("## Every name")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def there() -> dict[str, str]:
    """The public names of today's geowatchutil, by name the module."""
    found: dict[str, str] = {}
    for path in Path(geowatchutil.__file__).parent.rglob("*.py"):
        if path.name.startswith("_"):
            continue
        module = ast.parse(path.read_text())
        for node in module.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found |= dict.fromkeys(ast.literal_eval(node.value), path.stem)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_2015_stands_in_the_table(name: str) -> None:
    """In its first column, with what became of it."""
    [row] = [cells for cells in rows() if f"`{name}`" in cells[0]]
    assert len(row) == 3
    assert all(row)


def test_what_is_there_still_is_marked_so() -> None:
    """Every name of geowatchutil is one of 2015, in a row that says that it is there."""
    names = there()
    assert set(names) <= set(NAMES)
    by_name = {name: cells[2] for cells in rows() for name in re.findall(r"`(\w+)`", cells[0])}
    assert [name for name in names if not STILL.match(by_name[name])] == []


def test_what_is_marked_as_there_is_there() -> None:
    """But for nodes and clients, of which there is one class each."""
    marked = [
        name
        for cells in rows()
        if cells[2].startswith("yes")
        for name in re.findall(r"`(\w+)`", cells[0])
    ]
    modules = {"runtime", "base", "factory"}
    assert [name for name in marked if name not in modules and name not in there()] == []
