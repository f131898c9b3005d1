import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import geowatch_core

DRIVERS = [
    "asyncio",
    "boto3",
    "botocore",
    "confluent_kafka",
    "hypothesis",
    "importlib.metadata",
    "importlib_metadata",
    "pymemcache",
    "pytest",
    "requests",
    "rich",
    "slack_sdk",
    "socket",
    "sqlite3",
    "ssl",
    "unittest",
    "urllib.request",
]
"""What talks to a service, what only tests need, and what takes longer to import than core."""

OURS_LATER = ["geowatch_core.cli", "geowatch_core.file", "geowatch_core.memory"]
OURS_LATER += ["geowatch_core.codecs", "geowatch_core.testing"]


def imported(program: str) -> set[str]:
    """The modules that a program has imported at its end."""
    program += "\nimport sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout))


def test_importing_core_imports_no_driver() -> None:
    """Neither a client of a service nor a slow module is loaded before it is needed."""
    modules = imported("import geowatch_core")
    assert "geowatch_core.broker" in modules
    assert modules.isdisjoint(DRIVERS)
    assert not [m for m in modules for ours in OURS_LATER if f"{m}.".startswith(f"{ours}.")]


def test_importing_core_imports_nothing_but_its_dependencies() -> None:
    """Of what is installed: attrs, msgspec and pluggy; typing_extensions, if it is there."""
    added = imported("import geowatch_core") - imported("pass")
    top = {name.partition(".")[0] for name in added}
    allowed = {"geowatch_core", "attr", "attrs", "msgspec", "pluggy", "typing_extensions"}
    outside = top - allowed - sys.stdlib_module_names - {"org"}  # copy tries Jython's org.python
    assert {name for name in outside if not name.startswith("_")} == set()


def test_provisioning_imports_the_backend_and_codec_it_names() -> None:
    """And no other backend."""
    modules = imported(
        "import geowatch_core\n"
        "geowatch_core.provision('memory', 'consumer', topic='t', codec='json').close()"
    )
    assert "geowatch_core.memory.consumer" in modules
    assert "geowatch_core.codecs.json" in modules
    assert "geowatch_core.file" not in modules


def test_the_package_is_its_table_of_contents() -> None:
    """Everything it lists is there, sorted, and everything public that is there is listed."""
    listed = geowatch_core.__all__
    assert len(set(listed)) == len(listed)
    assert all(hasattr(geowatch_core, name) for name in listed)
    source = Path(geowatch_core.__file__).read_text(encoding="utf-8")
    public = {
        name
        for name, value in vars(geowatch_core).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public <= set(listed)
    assert "def " not in source
    assert "class " not in source
