"""The kit is itself tested: it refuses every sabotaged backend, and lets the good twin pass."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.kit.table import SABOTAGES

ROOT = Path(__file__).parents[2]
TWINS = ("TwinBackend", "TwinConsumer", "TwinProducer", "TwinStore")
PROCESSES = 8
Results = Mapping[str, Mapping[str, str]]
"""By class and check, what came of it: "" if it passed, otherwise what was said."""


def _distribution(folder: Path) -> None:
    """Install the twin and all that are sabotaged, as far as entry points can tell."""
    info = folder / "twin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: twin\nVersion: 1.0\n")
    lines = ["[geowatch.backends]", "twin = tests.kit.twin.backend:twin"]
    for name, sabotage in SABOTAGES.items():
        module = "eager:plugin" if name == "ImportsItsDriver" else f"backend:{name}"
        lines.append(f"{sabotage.backend} = tests.kit.twin.{module}")
    (info / "entry_points.txt").write_text("\n".join(lines))


def _started(folder: Path, number: int, names: list[str]) -> subprocess.Popen[str]:
    kits = ROOT / "tests" / "kit" / "sabotaged_kits.py"
    (folder / "pytest.ini").write_text("[pytest]\n")
    arguments = [sys.executable, "-m", "pytest", *(f"{kits}::Test{name}" for name in names)]
    arguments += ["--noconftest", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=line"]
    arguments += ["-c", str(folder / "pytest.ini"), f"--basetemp={folder / f'temp-{number}'}"]
    arguments += [f"--junitxml={folder / f'{number}.xml'}", "--timeout=60", "-q"]
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.Popen(
        arguments,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What the kit says of each; run once, in a few processes, as most of it is waiting."""
    folder = tmp_path_factory.mktemp("sabotage")
    _distribution(folder)
    names = [*TWINS, *SABOTAGES]
    running = [_started(folder, n, names[n::PROCESSES]) for n in range(PROCESSES)]
    outputs = [process.communicate()[0] for process in running]
    found: dict[str, dict[str, str]] = {}
    for number, output in enumerate(outputs):
        report = folder / f"{number}.xml"
        assert report.exists(), output
        for case in ElementTree.parse(report).iter("testcase"):
            name = case.attrib["classname"].rpartition(".")[2].removeprefix("Test")
            checks = found.setdefault(name, {})
            checks[case.attrib["name"]] = checks.get(case.attrib["name"], "") + _said(case)
    return found


def _said(case: ElementTree.Element) -> str:
    parts = [part for part in case if part.tag in ("failure", "error", "skipped")]
    return "\n".join(f"{part.tag}: {part.attrib['message']} {part.text}" for part in parts)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotaged_backend_is_refused_by_the_check_named_for_it(
    results: Results, name: str
) -> None:
    """The named check fails, with what is expected and how to fix it."""
    said = results[name][SABOTAGES[name].check]
    assert said.startswith("failure: "), said
    assert "ConformanceError" in said
    assert "expected:" in said
    assert "to fix:" in said


@pytest.mark.timeout(300)
def test_the_kit_never_fails_by_a_mistake_of_its_own(results: Results) -> None:
    """Whatever is sabotaged, a check passes or says what broke: none ends in another error."""
    odd = {
        f"{name}::{check}": said
        for name, checks in results.items()
        for check, said in checks.items()
        if said and not said.startswith("skipped: ") and "ConformanceError" not in said
    }
    assert not odd


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TWINS)
def test_the_good_twin_passes(results: Results, name: str) -> None:
    """What no one sabotaged fails no check, and leaves none unproven."""
    assert len(results[name]) > 5
    assert {check: said for check, said in results[name].items() if said} == {}


@pytest.mark.timeout(300)
def test_most_sabotages_fail_few_checks(results: Results) -> None:
    """A check tests one thing: on the whole a sabotage fails its own check and few beside it."""
    failed = Counter(
        {
            name: sum(said.startswith("failure: ") for said in results[name].values())
            for name in SABOTAGES
        }
    )
    assert sorted(failed.values())[len(failed) // 2] <= 4, failed.most_common()
