"""What holds for every kit: nothing is weakened in silence, and the summary tells all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from geowatch_core.testing import (
    BackendKit,
    CodecKit,
    ConformanceError,
    ConsumerKit,
    ProducerKit,
    StoreKit,
    deviates,
)
from geowatch_core.testing.kit import Kit
from geowatch_core.testing.verdict import ensure_same
from tests.kit.harness import MemoryHarness

pytest_plugins = ["pytester"]
KITS = (BackendKit, CodecKit, ConsumerKit, ProducerKit, StoreKit)


def checks(kit: type[Kit]) -> dict[str, object]:
    """The checks of a kit by name."""
    return {name: getattr(kit, name) for name in dir(kit) if name.startswith("test_")}


@pytest.mark.parametrize("kit", KITS)
def test_every_check_says_in_one_sentence_what_it_shows(kit: type[Kit]) -> None:
    """Each check has a docstring of one line, and each kit has more than a handful of checks."""
    assert len(checks(kit)) > 8
    for name, check in checks(kit).items():
        assert check.__doc__, name
        assert check.__doc__.endswith("."), name
        assert "\n" not in check.__doc__, name


def test_a_check_is_not_overridden_in_silence() -> None:
    """Replacing a check fails when the class is made, and names the way to do it in the open."""
    with pytest.raises(TypeError, match=r"replaces test_order_is_kept .*@deviates\("):

        class TestWeak(ProducerKit):
            def test_order_is_kept(self) -> None:
                """Nothing."""


@pytest.mark.parametrize(
    "body",
    [
        {"test_order_is_kept": None},
        {"why_not": classmethod(lambda cls, check: "no")},
        {"ensure_taken": lambda self, *_: []},
        {"fills": frozenset({"test_order_is_kept"})},
        {"claims": None},
    ],
)
def test_nothing_else_of_a_kit_is_overridden_either(body: dict[str, object]) -> None:
    """A check cannot be switched off by None, by a helper of the kit, or by what the kit says."""
    with pytest.raises(TypeError, match=f"replaces {next(iter(body))} "):
        type("TestWeak", (ProducerKit,), body)


def test_a_mixin_overrides_no_check_in_silence() -> None:
    """It makes no difference from which side a replacement comes."""

    class Mixin:
        def test_order_is_kept(self) -> None:
            """Nothing."""

    with pytest.raises(TypeError, match="Mixin replaces test_order_is_kept"):
        type("TestWeak", (Mixin, ProducerKit), {})


def test_checks_of_ones_own_are_welcome() -> None:
    """A subclass adds checks, fills in its harness, and passes on both."""

    class TestMore(ProducerKit):
        harness = MemoryHarness

        def test_something_of_our_own(self) -> None:
            """Nothing."""

    type("TestYetMore", (TestMore,), {})


def test_a_deviation_names_its_check_and_says_why() -> None:
    """A deviation without a reason, or above another method, is refused."""
    with pytest.raises(TypeError, match="gives no reason"):
        deviates("test_order_is_kept", reason=" ")
    with pytest.raises(TypeError, match="Name the method test_order_is_kept"):

        @deviates("test_order_is_kept", reason="the service sorts")
        def test_order() -> None:
            """Nothing."""


def test_differences_are_shown_short_and_by_kind() -> None:
    """What is missing, what is too many, and a changed order are told apart."""
    with pytest.raises(ConformanceError, match=r"missing: \[b'B'\]; .*never sent: \[b'C'\]"):
        ensure_same([b"A", b"C"], [b"A", b"B"], "broke", fix="mend")
    with pytest.raises(ConformanceError, match="order changed at index 1"):
        ensure_same([b"A", b"C", b"B"], [b"A", b"B", b"C"], "broke", fix="mend", ordered=True)
    with pytest.raises(ConformanceError) as raised:
        ensure_same([b"x" * 10_000] * 1_000, [], "broke", fix="mend")
    assert len(str(raised.value)) < 2_000
    assert str(raised.value).endswith("to fix:   mend")


def test_the_plugin_costs_a_session_without_kits_nothing() -> None:
    """Loading the plugin imports neither hypothesis nor the kits, and core imports no testing."""
    code = (
        "import sys, geowatch_core\n"
        "assert 'geowatch_core.testing' not in sys.modules\n"
        "import geowatch_core.testing.plugin\n"
        "print([m for m in sys.modules if m.startswith(('hypothesis', 'geowatch_core.testing.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['geowatch_core.testing.plugin']\n"


AUTHOR = """
from geowatch_core.testing import Harness, ConsumerKit, ProducerKit, deviates

class Half(Harness):
    backend = "memory"
    silence = 0.05
    def options(self, role):
        return {"topic": self.unique}

class TestHalf(ProducerKit):
    harness = Half

class TestHarnessless(ConsumerKit):
    pass

class TestDeviant(ConsumerKit):
    harness = Half
    @deviates("test_order_is_kept", reason="the service sorts them")
    def test_order_is_kept(self):
        pass
"""


@pytest.fixture
def author(pytester: pytest.Pytester) -> pytest.Pytester:
    """A session of somebody who has just begun."""
    pytester.makeini("[pytest]\naddopts = -p no:randomly -p no:cacheprovider")
    pytester.makepyfile(test_half=AUTHOR)
    return pytester


def test_an_author_is_told_what_is_yet_to_write(author: pytest.Pytester) -> None:
    """Checks that need an unwritten part of the harness fail, and name it and how to write it."""
    result = author.runpytest_subprocess("-k", "TestHalf and durable or Harnessless and order_is")
    result.assert_outcomes(failed=1, errors=1, deselected=113)
    result.stdout.fnmatch_lines_random(
        [
            "*Half.raw_take is not written yet*",
            "*to fix:   Receive with the service's own client*",
            "*TestHarnessless.harness is not filled in*",
        ]
    )


def test_the_summary_names_what_was_not_proven_and_what_deviates(author: pytest.Pytester) -> None:
    """For each class the summary counts, and names the unproven, the deviating and the untested."""
    result = author.runpytest_subprocess("-k", "TestDeviant and (order_is or bounded or open_is)")
    result.stdout.fnmatch_lines(
        [
            "*geowatch conformance*",
            "consumer memory (TestDeviant): 1 proven, 0 failed, 2 not proven, *",
            "  deviates    test_order_is_kept: the service sorts them",
            "  not proven  test_a_permanent_failure_to_open_is_said: a permanent failure at open: "
            "Half.break_with does not offer it",
            "  not proven  test_buffering_is_bounded: *raw_waiting*",
            "memory: no kit was run for its backend, *store",
        ]
    )


def test_checks_that_do_not_apply_are_skipped_without_the_plugin(
    author: pytest.Pytester,
) -> None:
    """With the plugin switched off such a check is skipped with the reason, not failed."""
    result = author.runpytest_subprocess("-p", "no:geowatch", "-rs", "-k", "TestHalf and largest_m")
    result.stdout.fnmatch_lines(["SKIPPED * does not apply: no largest message is claimed"])
