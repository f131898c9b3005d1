"""The pytest plugin of the conformance kit: which checks apply, and what was not proven.

It is loaded in every session of an environment that has core, so it imports nothing of the kit:
kits are known by what they have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

_NOT_PROVEN: Final = "Skipped: not proven: "
_PROPERTY: Final = "geowatch_"
_inapplicable: Final = pytest.StashKey[dict[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing left out."""
    config.stash[_inapplicable] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the checks that do not apply to what their class tests, and remember which."""
    left_out: list[pytest.Item] = []
    for item in items:
        reason = _why_not(item)
        if reason is not None:
            left_out.append(item)
            by_class = config.stash[_inapplicable].setdefault(_class_of(item.nodeid), [])
            by_class.append(f"{item.name} ({reason})")
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note on the report of each check what it tests and whether it deviates, for the summary."""
    kit = _kit(item)
    if kit is not None and not any(name == f"{_PROPERTY}tests" for name, _ in item.user_properties):
        item.user_properties.append((f"{_PROPERTY}tests", " ".join(_tested(kit)).strip()))
        deviation = getattr(getattr(item, "function", None), "deviation", None)
        if deviation is not None:
            item.user_properties.append((f"{_PROPERTY}deviates", deviation.reason))
    return (yield)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """For each class say what was proven, and name what was not, what deviates, what is limited."""
    classes: dict[str, list[pytest.TestReport]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            if isinstance(report, pytest.TestReport) and _properties(report, "tests"):
                classes.setdefault(_class_of(report.nodeid), []).append(report)
    if not classes:
        return
    terminalreporter.section("geowatch conformance")
    for name in sorted(classes):
        for line in _lines(name, classes[name], config.stash[_inapplicable].get(name, [])):
            terminalreporter.write_line(line)
    for line in _missing_kits(classes):
        terminalreporter.write_line(line)


def _lines(name: str, reports: list[pytest.TestReport], inapplicable: list[str]) -> Iterator[str]:
    proven, failed, unproven, told = 0, 0, [], []
    for report in sorted(reports, key=lambda report: report.nodeid):
        check = report.nodeid.rpartition("::")[2]
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if report.skipped and reason.startswith(_NOT_PROVEN):
            unproven.append(f"  not proven  {check}: {reason.removeprefix(_NOT_PROVEN)}")
        proven += report.passed and report.when == "call"
        failed += report.failed
        told += [f"  deviates    {check}: {why}" for why in _properties(report, "deviates")]
        told += [f"  limited     {check}: {why}" for why in _properties(report, "note")]
    tested = _properties(reports[0], "tests")[0]
    yield (
        f"{tested} ({name.rpartition('::')[2]}): {proven} proven, {failed} failed, "
        f"{len(unproven)} not proven, {len(inapplicable)} not applicable"
    )
    yield from dict.fromkeys(told)
    yield from unproven


def _missing_kits(classes: dict[str, list[pytest.TestReport]]) -> Iterator[str]:
    """The roles of tested backends for which no kit was run."""
    pairs = {tuple(_properties(r, "tests")[0].split(" ", 1)) for rs in classes.values() for r in rs}
    tested: dict[str, set[str]] = {}
    for kind, _, name in (" ".join(pair).partition(" ") for pair in pairs):
        if kind in ("backend", "consumer", "producer", "store"):
            tested.setdefault(name, set()).add(kind)
    for name, kinds in sorted(tested.items()):
        lacking = {"backend", *_roles(name)} - kinds
        if lacking:
            yield f"{name}: no kit was run for its {', '.join(sorted(lacking))}"


def _roles(backend: str) -> list[str]:
    from geowatch_core.registry import REGISTRY

    try:
        return list(REGISTRY.backend(backend).roles)
    except Exception:  # the checks have said so
        return []


def _kit(item: pytest.Item) -> Any:
    """The kit class of a check, or None for any other test."""
    cls = getattr(item, "cls", None)
    return cls if hasattr(cls, "_of_the_kit") else None


def _why_not(item: pytest.Item) -> str | None:
    kit = _kit(item)
    try:
        return None if kit is None else kit.why_not(item.name)
    except Exception:  # a backend that cannot be found: the checks say it better
        return None


def _tested(kit: Any) -> tuple[str, str]:
    try:
        kind, name = kit.about()
    except Exception:  # as above
        return "", str(kit.__name__)
    return str(kind), str(name)


def _class_of(nodeid: str) -> str:
    return nodeid.rpartition("::")[0]


def _properties(report: pytest.TestReport, name: str) -> list[str]:
    return [str(value) for key, value in report.user_properties if key == f"{_PROPERTY}{name}"]
