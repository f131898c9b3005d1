import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from geowatch_core import cli
from geowatch_core.cli import main
from geowatch_core.cli.exits import TEXT
from tests.core.cli.command import SIMPLE, run, write
from tests.core.config.plugins import BROKEN, CACHE, install


def test_help_names_every_command_and_exit_code(tmp_path: Path) -> None:
    """And the documentation of the module says the same codes."""
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for command in ("run", "check", "backends", "codecs", "schema"):
        assert re.search(rf"^ +{command} ", done.stdout, re.MULTILINE)
    assert TEXT in done.stdout
    assert TEXT in run(tmp_path, "run", "--help").stdout
    codes = re.findall(r"^ *(\d+) +(.+)$", TEXT, re.MULTILINE)
    assert len(codes) == 6
    assert re.findall(r"^(\d+) +(.+)$", cli.__doc__ or "", re.MULTILINE) == codes


def test_no_command_prints_the_help_and_is_2(tmp_path: Path) -> None:
    """On standard error: nothing was done."""
    failed = run(tmp_path)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("usage: geowatch-core ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["chekc"], "invalid choice: 'chekc'"),
        (["run"], "the following arguments are required: FILE"),
        (["run", "a.toml", "--max-cycle", "-1"], "expected a number that is not negative"),
        (["run", "a.toml", "--wrokers", "3"], "unrecognized arguments: --wrokers"),
        (["check"], "the following arguments are required: FILE"),
    ],
)
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str], text: str) -> None:
    """With the usage, and what is wrong."""
    failed = run(tmp_path, *arguments)
    assert failed.returncode == 2
    assert failed.stderr.startswith("usage: geowatch-core")
    assert text in failed.stderr


def test_the_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    """One line, for whoever reports a bug."""
    done = run(tmp_path, "--version")
    assert done.returncode == 0
    assert re.fullmatch(r"geowatch-core \d+\.\d+\.\d+\S*\n", done.stdout)


def test_the_installed_script_is_the_same_command(tmp_path: Path) -> None:
    """The entry point leads to the function that the module calls."""
    from importlib_metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="geowatch-core")
    assert script.load() is main


# --- check --------------------------------------------------------------------------------------


def test_check_prints_each_route_with_its_guarantee(tmp_path: Path) -> None:
    """Source, destinations, what is promised and why; nothing is opened."""
    write(tmp_path, "a.toml", SIMPLE)
    done = run(tmp_path, "check", "a.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "a.toml: no mistakes; 1 broker, 1 route",
        "",
        "numbers",
        "  file:in.jsonl → file:out.jsonl",
        *(line for line in done.stdout.splitlines()[4:-1] if line.startswith("    ")),
        "  A message that cannot be delivered stops the broker: it has no dead letter.",
    ]
    assert re.search(r"^    (at least once|best effort).*; in order$", done.stdout, re.MULTILINE)
    assert re.search(r"^    - file:in.jsonl .+\.$", done.stdout, re.MULTILINE)
    assert not (tmp_path / "out.jsonl").exists()


def test_check_says_where_undeliverable_messages_go(tmp_path: Path) -> None:
    """And which brokers would not run."""
    dead = 'enabled = false\ndead_letter = { backend = "file", path = "dead.jsonl" }\n'
    write(tmp_path, "a.toml", dead + SIMPLE)
    out = run(tmp_path, "check", "a.toml").stdout
    assert "\nnumbers (not enabled)\n" in out
    assert "A message that cannot be delivered goes to file:dead.jsonl." in out


def test_check_lists_every_mistake_and_is_2(tmp_path: Path) -> None:
    """One line each, with its place."""
    write(tmp_path, "a.toml", 'cuont = 3\ndescription = "${GEOWATCH_UNSET}"\n' + SIMPLE)
    failed = run(tmp_path, "check", "a.toml")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.splitlines() == [
        "geowatch-core: a.toml cannot be used: 2 mistakes.",
        "  description: the environment variable GEOWATCH_UNSET is not set. Set it, or write "
        "${GEOWATCH_UNSET:-text} to go on without it.",
        "  cuont: is not an option here. Did you mean count?",
    ]


def test_check_shows_the_line_of_a_syntax_error(tmp_path: Path) -> None:
    """And the column."""
    write(tmp_path, "a.toml", 'count = 1\nname = "x\n')
    failed = run(tmp_path, "check", "a.toml")
    assert failed.returncode == 2
    assert "  a.toml, line 2, column 10: Illegal character '\\n'." in failed.stderr


def test_output_fits_the_encoding_of_the_terminal(tmp_path: Path) -> None:
    """An arrow that it does not have is written in two characters, a name is escaped."""
    write(tmp_path, "a.toml", SIMPLE.replace("numbers", "Öl→"))
    done = run(tmp_path, "check", "a.toml", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "file:in.jsonl -> file:out.jsonl" in done.stdout
    assert "\\u2192" in done.stdout


# --- backends, codecs, schema -------------------------------------------------------------------


def test_backends_are_listed_and_a_broken_one_with_its_cause(tmp_path: Path) -> None:
    """One that fails to import breaks only itself."""
    install(tmp_path, cache=CACHE, broken=BROKEN)
    done = run(tmp_path, "backends", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    cells = [re.split(r"  +", row) for row in rows if row]
    assert re.split(r"  +", header) == ["backend", "roles", "distribution", "what it is"]
    assert cells[0] == ["broken", "broken", "geowatch-broken 1.2", "see below"]
    assert cells[1] == ["cache", "store", "geowatch-cache 1.2", "Forgets"]
    names = [row[0] for row in cells[:-1]]
    assert names == sorted(names)
    assert {"file", "memory"} < set(names)
    assert rows[-1].startswith("broken: geowatch-broken 1.2 failed to load: RuntimeError: broken")


def test_two_backends_of_one_name_are_listed_with_both_names(tmp_path: Path) -> None:
    """Neither is guessed to be the right one."""
    install(tmp_path, cache=CACHE)
    other = tmp_path / "geowatch_other-3.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: geowatch-other\nVersion: 3\n")
    (other / "entry_points.txt").write_text("[geowatch.backends]\ncache = geowatch_cache\n")
    out = run(tmp_path, "backends", PYTHONPATH=str(tmp_path)).stdout
    assert re.search(r"both claim this backend \(got 'cache'\). Uninstall one of them.", out)


def test_names_are_listed_without_importing_anything(tmp_path: Path) -> None:
    """A backend that cannot even be imported has a name."""
    install(tmp_path, cache=CACHE, broken=BROKEN)
    done = run(tmp_path, "backends", "--names", PYTHONPATH=str(tmp_path))
    names = done.stdout.split()
    assert names == sorted(names)
    assert {"broken", "cache", "file", "memory"} < set(names)
    codecs = run(tmp_path, "codecs", "--names").stdout.split()
    assert codecs == sorted(codecs)
    assert {"geojson", "json", "list", "plain"} <= set(codecs)


def test_one_backend_is_described_with_its_options(tmp_path: Path) -> None:
    """Each role with what it can do, each option with its default and what it is."""
    out = run(tmp_path, "backends", "memory").stdout
    assert out.startswith("memory: Topics and documents in the memory of this process (geowatch-c")
    assert re.search(r"^  consumer: settles=each, order=all", out, re.MULTILINE)
    assert re.search(r"^ +topic +required +The topic, stream", out, re.MULTILINE)
    assert re.search(r"^ +until_empty +false +End when", out, re.MULTILINE)


def test_an_unknown_backend_is_2_and_says_what_to_install(tmp_path: Path) -> None:
    """As provisioning it would."""
    failed = run(tmp_path, "backends", "memroy")
    assert failed.returncode == 2
    assert "Did you mean memory?" in failed.stderr


def test_codecs_are_listed(tmp_path: Path) -> None:
    """With what they are; one of them with its options."""
    out = run(tmp_path, "codecs").stdout
    names = [line.split()[0] for line in out.splitlines()]
    assert names[0] == "codec"
    assert {"geojson", "json", "list", "plain"} <= set(names)
    assert run(tmp_path, "codecs", "json").stdout.startswith("json: ")


def test_the_schema_is_that_of_a_configuration(tmp_path: Path) -> None:
    """Standard output is the schema and nothing else."""
    install(tmp_path, cache=CACHE, broken=BROKEN)
    done = run(tmp_path, "schema", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.startswith("geowatch-core: broken is left out: geowatch-broken 1.2 failed")
    validator = jsonschema.Draft202012Validator(json.loads(done.stdout))
    good = {
        "consumers": [{"backend": "memory", "topic": "t"}],
        "stores_out": [{"backend": "cache", "key": "k"}],
    }
    assert validator.is_valid(good)
    assert not validator.is_valid(good | {"cuont": 1})


# --- in this process ----------------------------------------------------------------------------


def test_an_interrupt_before_anything_runs_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback."""
    from geowatch_core.cli import check

    def interrupted(_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "check_config", interrupted)
    assert main(["check", "a.toml"]) == 130


def test_a_program_that_calls_the_command_keeps_its_own_logging(tmp_path: Path) -> None:
    """Afterwards no handler of the command is left, and no level of its."""
    write(tmp_path, "a.toml", SIMPLE)
    root, ours = logging.getLogger(), logging.getLogger("geowatch_core")
    before = [*root.handlers], ours.level
    assert main(["check", str(tmp_path / "a.toml")]) == 0
    assert (root.handlers, ours.level) == before


INTERRUPTED = """
import os, signal, sys

# Whoever runs these tests may ignore it, as nohup does.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupting:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from geowatch_core.cli import main
sys.exit(main(["check", "a.toml"]))
"""


@pytest.mark.parametrize(
    "module", ["geowatch_core.broker", "geowatch_core.cli", "geowatch_core.config.reader"]
)
def test_an_interrupt_while_the_command_is_imported_is_130(tmp_path: Path, module: str) -> None:
    """Among the first and the last that it imports: no traceback, and nothing said."""
    program = tmp_path / "geowatch-core"
    program.write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, program, module], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_while_a_library_is_imported_is_raised(tmp_path: Path) -> None:
    """A program that imports geowatch_core sees its own interrupts."""
    program = tmp_path / "mine"
    program.write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, program, "geowatch_core.broker"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "KeyboardInterrupt" in done.stderr


def test_importing_geowatch_core_imports_nothing_of_the_command(tmp_path: Path) -> None:
    """A library must not cost what only its command needs."""
    code = (
        "import sys, geowatch_core\n"
        "for name in ('argparse', 'tomllib', 'json', 'rich', 'importlib_metadata', "
        "'geowatch_core.cli', 'geowatch_core.config.reader', 'geowatch_core.memory'):\n"
        "    assert name not in sys.modules, name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
