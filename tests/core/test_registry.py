import json
import subprocess
import sys
import textwrap
from typing import Any

import importlib_metadata
import pytest

from geowatch_core import (
    API_VERSION,
    BrokenBackendError,
    Codec,
    DuplicateNameError,
    GeoWatchError,
    IncompatibleBackendError,
    UnknownNameError,
)
from geowatch_core.registry import BACKENDS, CODECS, Registry
from tests.core.installed import Site, good, site

__all__ = ["site"]


def refused(name: str, kind: type[GeoWatchError] = BrokenBackendError) -> GeoWatchError:
    """The error that asking a new registry for this backend raises."""
    with pytest.raises(kind) as raised:
        Registry().backend(name)
    assert type(raised.value) is kind
    return raised.value


def test_a_backend_is_found_by_its_name(site: Site) -> None:
    """Core never heard of it: installing a distribution is enough."""
    site.install("geowatch-theirs", "2.1", backends={"theirs": "mod_a"}, mod_a=good("theirs", "x"))
    registry = Registry()
    assert "theirs" in registry.backend_names()
    assert registry.backend("theirs").summary == "A backend"
    assert registry.distribution(BACKENDS, "theirs") == "geowatch-theirs 2.1"


def test_the_backends_of_core_are_found_like_anybodys() -> None:
    """They are registered by the entry points of core's own distribution."""
    registry = Registry()
    assert {"file", "memory"} <= set(registry.backend_names())
    assert {"geojson", "json", "list", "plain"} <= set(registry.codec_names())
    assert registry.distribution(BACKENDS, "memory").startswith("geowatch-core ")
    assert registry.distribution(CODECS, "plain").startswith("geowatch-core ")


def test_names_are_listed_sorted() -> None:
    """Lists in messages and listings do not depend on the order of folders."""
    registry = Registry()
    assert registry.backend_names() == sorted(registry.backend_names())
    assert registry.codec_names() == sorted(registry.codec_names())


def test_asking_again_gives_the_same_backend(site: Site) -> None:
    """It is registered once in the life of a registry."""
    site.install("geowatch-theirs", backends={"theirs": "mod_a"}, mod_a=good("theirs", "x"))
    registry = Registry()
    assert registry.backend("theirs") is registry.backend("theirs")


@pytest.mark.parametrize("kind", ["backend", "codec"])
def test_an_unknown_name_says_what_is_installed_and_what_to_install(kind: str) -> None:
    """The nearest name, all installed ones, and the command that would add it."""
    known = {"backend": "memory", "codec": "geojson"}[kind]
    with pytest.raises(UnknownNameError) as raised:
        getattr(Registry(), kind)(known[:-1])
    text = str(raised.value)
    assert text.startswith(f"No {kind} of this name is installed (got '{known[:-1]}').")
    assert f"Did you mean {known}? Installed are: " in text
    assert f"pip install geowatch-{known[:-1]}" in text
    assert isinstance(raised.value, LookupError)


def test_an_unknown_name_like_no_other_lists_the_installed_ones_once() -> None:
    """Where nothing is near, there is no guess and no repetition."""
    text = str(refused("zzz", UnknownNameError))
    assert "Did you mean" not in text
    assert text.count("memory") == 1


def test_a_plugin_that_raises_on_import_breaks_only_itself(site: Site) -> None:
    """The error names its distribution and the cause; the others work as before."""
    site.install("geowatch-bad", "3.2", backends={"bad": "mod_bad"}, mod_bad="1 / 0")
    site.install("geowatch-good", backends={"good": "mod_good"}, mod_good=good("good", "x"))
    registry = Registry()
    with pytest.raises(BrokenBackendError) as raised:
        registry.backend("bad")
    text = str(raised.value)
    assert "geowatch-bad 3.2 failed to load: ZeroDivisionError: division by zero" in text
    assert "mod_bad" in text
    assert text.endswith("Upgrade geowatch-bad 3.2 or uninstall it, or tell its author.")
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert isinstance(raised.value, ImportError)
    assert registry.backend("good").name == "good"
    assert {"bad", "good", "memory"} <= set(registry.backend_names())


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_client", "ModuleNotFoundError: No module named 'no_such_client'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def (:", "SyntaxError: invalid syntax"),
    ],
)
def test_however_a_plugin_fails_to_import_its_distribution_is_named(
    site: Site, source: str, cause: str
) -> None:
    """A missing client, a syntax error, even one that wants to leave: the host goes on."""
    site.install("geowatch-bad", backends={"bad": "mod_bad"}, mod_bad=source)
    assert f"geowatch-bad 1.0 failed to load: {cause}" in str(refused("bad"))


def test_a_plugin_made_for_a_newer_core_may_fail_to_import(site: Site) -> None:
    """What core does not have yet is a reason to upgrade core: the error says so."""
    source = "from geowatch_core import FromTheFuture"
    site.install("geowatch-bad", backends={"bad": "mod_bad"}, mod_bad=source)
    assert "Upgrade geowatch-bad 1.0 or geowatch-core: one of them" in str(refused("bad"))


def test_an_entry_point_without_its_module_is_broken(site: Site) -> None:
    """Metadata that promises a module which is not there."""
    site.install("geowatch-bad", backends={"bad": "mod_missing"})
    assert "ModuleNotFoundError: No module named 'mod_missing'" in str(refused("bad"))


HOOK = "from geowatch_core import hookimpl\n@hookimpl\n"


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "def geowatch_backend(): ...",
        f"{HOOK}def geowatch_backend(): return None",
        f"{HOOK}def geowatch_backend(): return 'kafka'",
        f"{HOOK}def geowatch_codecs(): return []",
    ],
    ids=["no hook", "not marked", "None", "a text", "another hook"],
)
def test_a_module_that_registers_no_backend_is_broken(site: Site, source: str) -> None:
    """Without the hook, or when it returns something else, the hook is named."""
    site.install("geowatch-bad", backends={"bad": "mod_bad"}, mod_bad=source)
    text = str(refused("bad"))
    assert "geowatch-bad 1.0 has no hook geowatch_backend that returns what it should" in text


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        (f"{HOOK}def geowatch_bakend(): return 1", "unknown hook 'geowatch_bakend'"),
        (f"{HOOK}def geowatch_backend(core): return 1", "PluginValidationError"),
        (f"{HOOK}def geowatch_backend(): raise KeyError('k')", "KeyError: 'k'"),
    ],
    ids=["misspelt", "argument", "raises"],
)
def test_a_hook_that_cannot_be_called_is_broken(site: Site, source: str, cause: str) -> None:
    """A misspelt name, arguments nobody gives, an exception: each is said."""
    site.install("geowatch-bad", backends={"bad": "mod_bad"}, mod_bad=source)
    assert cause in str(refused("bad"))


def test_a_backend_under_a_name_that_is_not_its_own_is_broken(site: Site) -> None:
    """The name that is asked for is the name it registers; both are said."""
    site.install("geowatch-bad", backends={"bad": "mod_bad"}, mod_bad=good("worse", "x"))
    expected = "geowatch-bad 1.0 registers 'worse' under the entry point 'bad'"
    assert expected in str(refused("bad"))


def test_two_distributions_of_one_name_are_both_named(site: Site) -> None:
    """Guessing which was meant would be wrong half of the time; neither is imported."""
    site.install("geowatch-one", "1.0", backends={"same": "mod_one"}, mod_one="raise SystemError")
    site.install("their-own", "2.0", backends={"same": "mod_two"}, mod_two="raise SystemError")
    text = str(refused("same", DuplicateNameError))
    assert "geowatch-one 1.0" in text
    assert "their-own 2.0" in text
    assert "both claim this backend (got 'same'). Uninstall one of them." in text
    registry = Registry()
    assert registry.backend_names().count("same") == 1
    assert registry.backend("memory").name == "memory"


def test_a_name_of_cores_own_can_be_claimed_by_nobody_else(site: Site) -> None:
    """A second memory is an error like any other duplicate, never a silent override."""
    site.install("geowatch-evil", backends={"memory": "mod_evil"}, mod_evil="raise SystemError")
    assert "geowatch-evil 1.0" in str(refused("memory", DuplicateNameError))


@pytest.mark.parametrize(
    ("version", "upgrade"),
    [(API_VERSION + 1, "geowatch-core"), (API_VERSION - 1, "geowatch-other 4.0")],
)
def test_another_api_version_says_which_side_to_upgrade(
    site: Site, version: int, upgrade: str
) -> None:
    """A newer backend needs a newer core, an older one a newer backend."""
    source = good("other", "x", str(version))
    site.install("geowatch-other", "4.0", backends={"other": "mod_other"}, mod_other=source)
    text = str(refused("other", IncompatibleBackendError))
    assert f"geowatch-other 4.0 speaks version {version} of the backend API" in text
    assert f"this geowatch-core version {API_VERSION}" in text
    assert text.endswith(f"Upgrade {upgrade}.")


def test_an_api_version_that_is_no_number_is_broken(site: Site) -> None:
    """It cannot be older or newer than anything."""
    source = good("other", "x", "'1'")
    site.install("geowatch-other", backends={"other": "mod_other"}, mod_other=source)
    assert "TypeError: api_version must be a number, not '1'" in str(refused("other"))


CODEC = """
    from geowatch_core import Codec, hookimpl

    class Theirs(Codec):
        name = "theirs"
        def encode(self, value): return b""
        def decode(self, data): return None

    @hookimpl
    def geowatch_codecs():
        return {returned}
"""


def test_a_codec_is_found_by_its_name(site: Site) -> None:
    """Codecs of other distributions stand beside those of core."""
    site.install(
        "their-codecs", codecs={"theirs": "mod_c"}, mod_c=CODEC.format(returned="[Theirs]")
    )
    registry = Registry()
    assert issubclass(registry.codec("theirs"), Codec)
    assert registry.codec("theirs") is registry.codec("theirs")
    assert registry.codec("plain").name == "plain"


@pytest.mark.parametrize("returned", ["None", "Theirs", "['theirs']", "[Theirs()]", "5"])
def test_a_module_that_registers_no_codecs_is_broken(site: Site, returned: str) -> None:
    """The hook returns classes of codecs, and nothing else will do."""
    site.install("geowatch-bad", codecs={"theirs": "mod_c"}, mod_c=CODEC.format(returned=returned))
    with pytest.raises(BrokenBackendError, match=r"geowatch-bad 1\.0 has no hook geowatch_codecs"):
        Registry().codec("theirs")


def test_a_codec_under_a_name_that_is_not_its_own_is_broken(site: Site) -> None:
    """What the module does register is said."""
    source = CODEC.format(returned="[Theirs]")
    site.install("geowatch-bad", codecs={"bad": "mod_c"}, mod_c=source)
    with pytest.raises(BrokenBackendError, match=r"registers codecs \['theirs'\], but not 'bad'"):
        Registry().codec("bad")


def test_metadata_that_cannot_be_read_hides_nothing_else(site: Site) -> None:
    """A junk file of one distribution, ours or not, leaves all others in the list."""
    site.install("geowatch-good", backends={"good": "mod_good"}, mod_good=good("good", "x"))
    junk = site.install("unrelated")
    (junk / "entry_points.txt").write_text("[geowatch.backends]\nno equals sign\n")
    empty = site.install("aaa-empty")
    (empty / "entry_points.txt").unlink()
    (empty / "METADATA").unlink()
    registry = Registry()
    assert {"good", "memory", "file"} <= set(registry.backend_names())
    assert registry.backend("good").name == "good"


def test_a_distribution_without_metadata_is_still_blamed(site: Site) -> None:
    """A damaged installation cannot say its name; the error is about the backend all the same."""
    folder = site.install("geowatch-bad", backends={"bad": "mod_bad"}, mod_bad="1 / 0")
    (folder / "METADATA").unlink()
    text = str(refused("bad"))
    assert "failed to load: ZeroDivisionError: division by zero" in text
    assert "mod_bad" in text


def test_a_distribution_that_is_there_twice_counts_once(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first on the path shadows the second, for metadata as for modules."""
    second = Site(tmp_path_factory.mktemp("second"))
    monkeypatch.syspath_prepend(second.folder)
    site.install("geowatch-twice", "1.0", backends={"twice": "mod_t"}, mod_t=good("twice", "x"))
    second.install("geowatch-twice", "2.0", backends={"twice": "mod_t"}, mod_t=good("twice", "x"))
    registry = Registry()
    assert registry.backend("twice").name == "twice"
    assert registry.distribution(BACKENDS, "twice") == "geowatch-twice 2.0"
    sys.modules.pop("mod_t")


def run(site: Site, program: str) -> Any:
    """What a program prints as JSON in a process of its own, with the site on its path."""
    start = f"import json, sys\nsys.path.insert(0, {str(site.folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(program)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_listing_imports_no_backend_and_no_codec(site: Site) -> None:
    """Of 20 distributions that raise on import, and of core's own, nothing is imported."""
    for i in range(20):
        site.install(f"geowatch-b{i}", backends={f"b{i}": f"mod_{i}"}, **{f"mod_{i}": "1 / 0"})
    names, imported = run(
        site,
        """
        from geowatch_core.registry import Registry
        registry = Registry()
        names = registry.backend_names()
        registry.codec_names()
        ours = "geowatch_core.memory", "geowatch_core.file", "geowatch_core.codecs"
        print(json.dumps([names, [m for m in sys.modules if m.startswith(("mod_", *ours))]]))
        """,
    )
    assert {f"b{i}" for i in range(20)} <= set(names)
    assert imported == []


def test_a_backend_is_imported_without_any_other_and_without_its_client(site: Site) -> None:
    """Asking for one name imports its module; its role, and so its client, only when it is made."""
    site.install(
        "geowatch-a",
        backends={"a": "mod_a"},
        mod_a=good("a", "mod_a"),
        mod_a_role="class Role:\n    def __init__(self, *given, **more): ...\n",
    )
    site.install("geowatch-b", backends={"b": "mod_b"}, mod_b=good("b", "mod_b"))
    before, after = run(
        site,
        """
        from geowatch_core.provision import role_factory, role_spec
        def imported():
            return sorted(m for m in sys.modules if m.startswith(("mod_", "geowatch_core.file")))
        role_spec("a", "consumer")
        before = imported()
        role_factory("a", "consumer")
        print(json.dumps([before, imported()]))
        """,
    )
    assert before == ["mod_a"]
    assert after == ["mod_a", "mod_a_role"]


def test_metadata_is_read_once_however_much_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, backends, codecs, again and unknown: one look at what is installed."""
    scans: list[object] = []
    real = importlib_metadata.Distribution.discover

    def counted(**given: Any) -> Any:
        scans.append(given)
        return real(**given)

    monkeypatch.setattr(importlib_metadata.Distribution, "discover", counted)
    registry = Registry()
    assert scans == []
    for _ in range(3):
        registry.backend_names()
        registry.codec_names()
        registry.backend("memory")
        registry.codec("plain")
        registry.distribution(BACKENDS, "memory")
        with pytest.raises(UnknownNameError):
            registry.backend("kafak")
    assert len(scans) == 1
