"""Bring the table of backends in the documentation up to date.

Usage: python tools/refresh_matrix.py [--check]

Between its two markers each page gets the table that the backends of this repository make, whatever
else is installed. With --check nothing is written, and the exit code says whether all is current.
"""

import re
import sys
import tomllib
from pathlib import Path

from geowatch_core.matrix import matrix
from geowatch_core.registry import BACKENDS, REGISTRY

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- capability matrix: `make matrix` writes what stands here -->\n"
END = "<!-- end of the capability matrix -->\n"
_BLOCK = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)


def own_backends(root: Path = ROOT) -> list[str]:
    """The installed backends that distributions of this repository register."""
    projects = [tomllib.loads(path.read_text()) for path in root.glob("geowatch-*/pyproject.toml")]
    own = {project["project"]["name"] for project in projects}
    names = REGISTRY.backend_names()
    return [name for name in names if REGISTRY.distribution(BACKENDS, name).split()[0] in own]


def pages(root: Path = ROOT) -> list[Path]:
    """The pages with a place for the table."""
    candidates = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in candidates if BEGIN in page.read_text()]


def refreshed(text: str, table: str) -> str:
    """The text of a page with this table in its place."""
    fresh, count = _BLOCK.subn(lambda _: table, text)
    if count == 0:
        raise ValueError(f"a page has {BEGIN.strip()} and no {END.strip()} below it; add that")
    return fresh


def main(check: bool) -> int:
    """Refresh every page, or name those that are not current; the exit code."""
    table, stale = matrix(own_backends()), []
    for page in pages():
        text = page.read_text()
        if refreshed(text, table) != text:
            stale.append(page)
            if not check:
                page.write_text(refreshed(text, table))
    for page in stale:
        print(f"{page.relative_to(ROOT)}: {'not current; run make matrix' if check else 'renewed'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
