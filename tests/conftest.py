"""What holds for every test: hypothesis profiles, no thread left behind, no silent omission."""

import os
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("GEOWATCH_PROFILE", "short")

# The short profile gives the same examples on every run. The long one looks for new ones, and
# prints how to repeat a failure.
settings.register_profile(
    "short", max_examples=50, derandomize=True, database=None, deadline=None, print_blob=True
)
settings.register_profile(
    "long",
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # a slow machine must not fail a long search
)

_left_out = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the profile that GEOWATCH_PROFILE names."""
    if PROFILE not in ("short", "long"):
        raise pytest.UsageError(f"GEOWATCH_PROFILE={PROFILE!r}: expected 'short' or 'long'")
    settings.load_profile(PROFILE)
    config.stash[_left_out] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked long unless the profile is long."""
    if PROFILE == "long":
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
        config.stash[_left_out] = [item.nodeid for item in long]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name every test that did not run, and why."""
    skipped = [
        # a skip's longrepr is (file, line, reason)
        f"{report.nodeid}: {str(report.longrepr[2]).removeprefix('Skipped: ')}"
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    ]
    long = [f"{name}: long, run it with make test-long" for name in config.stash[_left_out]]
    if skipped or long:
        terminalreporter.section("not run")
        for line in sorted(skipped) + sorted(long):
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fail a test that ends while a thread it started still runs."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    while left := [t.name for t in threading.enumerate() if t not in before]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left behind: {', '.join(left)}")
        time.sleep(0.01)
