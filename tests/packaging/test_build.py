"""Every distribution builds, and holds what it should and nothing else."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.packaging.environment import Shelf
from tests.packaging.workspace import CORE, EXAMPLES, MEMBERS, PROJECTS, Project, bounded
from tools.check_dist import check_sdist, check_wheel, main

Change = Callable[[str, bytes], bytes | None]
projects = pytest.mark.parametrize("project", PROJECTS, ids=str)


def is_left_over(path: Path) -> bool:
    """Whether a tool left it there: a cache, which git does not see either."""
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def names_in(wheel: Path) -> set[str]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@projects
def test_the_metadata_of_sdist_and_wheel_is_good(project: Project, shelf: Shelf) -> None:
    """Both have valid metadata, a licence and a readme, and the wheel a mark that it is typed."""
    (sdist,) = shelf.built.glob(f"{project.package}-*.tar.gz")
    assert check_sdist(sdist) == []
    assert check_wheel(shelf.wheel(project.name)) == []


@projects
def test_a_wheel_holds_nothing_but_its_package(project: Project, shelf: Shelf) -> None:
    """Its files are those of the source and its metadata: no test, no cache, nothing forgotten."""
    source = project.folder / "src"
    expected = {
        path.relative_to(source).as_posix()
        for package in project.packages
        for path in (source / package).rglob("*")
        if path.is_file() and not is_left_over(path.relative_to(source))
    }
    found = names_in(shelf.wheel(project.name))
    assert {name for name in found if ".dist-info/" not in name} == expected


@pytest.mark.parametrize("project", EXAMPLES, ids=str)
def test_the_sdist_of_a_third_party_holds_its_tests(project: Project, shelf: Shelf) -> None:
    """Whoever wants to trust a backend can run its conformance kit first."""
    (sdist,) = shelf.built.glob(f"{project.package}-*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"tests/harness.py", "tests/test_conformance.py"}


@projects
def test_entry_points_lead_to_modules_of_the_wheel(project: Project, shelf: Shelf) -> None:
    """What a distribution registers is there, under modules that it brings itself."""
    names = names_in(shelf.wheel(project.name))
    groups = {"scripts": project.table.get("scripts", {}), **project.table.get("entry-points", {})}
    for group, entries in groups.items():
        for name, value in entries.items():
            path = EntryPoint(name, value, group).module.replace(".", "/")
            assert names & {f"{path}.py", f"{path}/__init__.py"}, f"{group}: {name} = {value}"


@projects
def test_versions_stand_still_and_ranges_have_two_ends(project: Project) -> None:
    """The version is written down, and what is required of a sibling has a lower and upper end."""
    assert "dynamic" not in project.table
    own = {member.name for member in MEMBERS} - {project.name}
    runtime = [Requirement(text) for text in project.table.get("dependencies", ())]
    assert [str(r) for r in runtime if r.name in own and not bounded(r)] == []


def test_the_extra_all_is_every_other_one() -> None:
    """``geowatch-core[all]`` installs what any other extra does."""
    (everything,) = (Requirement(text) for text in CORE.extras["all"])
    assert everything.name == CORE.name
    aliases = {name for name, asks in CORE.extras.items() if asks == ["geowatch-core[aws]"]}
    assert everything.extras == set(CORE.extras) - {"all"} - aliases


def test_each_backend_of_a_sibling_is_an_extra_of_core() -> None:
    """Whoever misses a backend can install it by the name that they wrote."""
    for sibling in (member for member in MEMBERS if member != CORE):
        brings = {f"geowatch-core[{sibling.name.removeprefix('geowatch-')}]", sibling.name}
        for backend in sibling.backends:
            (wanted,) = CORE.extras[backend]
            assert wanted in brings or Requirement(wanted).name in brings, backend


def test_each_sibling_is_an_extra_of_core() -> None:
    """A distribution of this repository can be installed as ``geowatch-core[sibling]``."""
    for sibling in (member for member in MEMBERS if member != CORE):
        wanted = CORE.extras.get(sibling.name.removeprefix("geowatch-"), [])
        assert [Requirement(text).name for text in wanted] == [sibling.name]


def rewritten(wheel: Path, folder: Path, change: Change, more: str = "") -> Path:
    """A copy of a wheel whose files were changed, left out, or joined by one more."""
    copy = folder / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        if more:
            new.writestr(more, b"")
    return copy


SPOILED: dict[str, Change] = {
    "py.typed is missing": lambda n, d: None if n.endswith("py.typed") else d,
    "is not the text of the licence": lambda n, d: b"../LICENSE" if n.endswith("LICENSE") else d,
    "metadata is of other": lambda _, d: d.replace(b"Name: geowatch-core", b"Name: other"),
    "has no description": lambda n, d: d.partition(b"\n\n")[0] if n.endswith("METADATA") else d,
    "unknown classifier": lambda _, d: d.replace(b":: Typed", b":: Typo"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_the_check_refuses_a_spoiled_wheel(shelf: Shelf, tmp_path: Path, what: str) -> None:
    """What would spoil a release is named by the check that ``make build`` ends with."""
    wheel = rewritten(shelf.wheel("geowatch-core"), tmp_path, SPOILED[what])
    assert what in "; ".join(check_wheel(wheel))


@pytest.mark.parametrize(
    "stray",
    [
        "tests/test_it.py",
        "geowatch_core/__pycache__/role.pyc",
        "geowatch_core/.mypy_cache/cache.db",
    ],
)
def test_the_check_refuses_what_is_no_part_of_the_package(
    shelf: Shelf, tmp_path: Path, stray: str
) -> None:
    """Tests beside the package and caches inside it are named."""
    wheel = rewritten(shelf.wheel("geowatch-core"), tmp_path, lambda _, d: d, stray)
    assert check_wheel(wheel) == [f"holds {stray}"]


def test_the_check_wants_an_sdist_beside_every_wheel(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that lacks one of the two fails the build, and so does an empty one."""
    assert main(tmp_path) == 1
    rewritten(shelf.wheel("geowatch-core"), tmp_path, lambda _, d: d)
    assert main(tmp_path) == 1
    assert "1 wheels, 0 sdists" in capsys.readouterr().out
    assert main(shelf.built) == 0
