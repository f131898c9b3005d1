"""Distributions that seem to be installed: metadata and modules in a folder on the path."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

BACKENDS, CODECS = "geowatch.backends", "geowatch.codecs"

GOOD = """
    from geowatch_core import API_VERSION, Backend, Capabilities, Options, RoleSpec, hookimpl

    @hookimpl
    def geowatch_backend():
        return Backend(
            name="{name}",
            api_version={version},
            summary="A backend",
            consumer=RoleSpec(
                factory="{module}_role:Role", options=Options, capabilities=Capabilities()
            ),
        )
"""


def good(name: str, module: str, version: str = "API_VERSION") -> str:
    """The module of a backend that registers as it should; its role's class is elsewhere."""
    return GOOD.format(name=name, module=module, version=version)


class Site:
    """A folder on the path in which distributions can be put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def install(
        self,
        distribution: str,
        version: str = "1.0",
        *,
        backends: Mapping[str, str] | None = None,
        codecs: Mapping[str, str] | None = None,
        **modules: str,
    ) -> Path:
        """Put a distribution there: what it registers, and its modules by name."""
        folder = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (folder / "METADATA").write_text(metadata)
        groups = {BACKENDS: backends or {}, CODECS: codecs or {}}
        lines = [
            line
            for group, entries in groups.items()
            for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
        ]
        (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(dedent(source))
            self.modules.append(name)
        return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty one; what is imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    made = Site(tmp_path)
    yield made
    for name in made.modules:
        sys.modules.pop(name, None)
