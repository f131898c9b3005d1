import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.cli.command import ENDLESS, SIMPLE, STUCK, environment, numbers, run, start, write
from tests.core.config.plugins import CACHE, FICKLE, install


def wait_for(path: Path, lines: int) -> None:
    """Wait until a file has that many lines."""
    deadline = time.monotonic() + 30
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline, "nothing was delivered"
        time.sleep(0.02)


def test_a_run_delivers_and_says_what_became_of_every_message(tmp_path: Path) -> None:
    """First the route, at the end the table, and nothing on standard error."""
    write(tmp_path, "a.toml", 'filter = { path = "n", ge = 1000 }\n' + SIMPLE)
    numbers(tmp_path, 1_500)
    done = run(tmp_path, "run", "a.toml")
    assert (done.returncode, done.stderr) == (0, "")
    first, empty, title, *table = done.stdout.splitlines()
    assert (first, empty) == ("numbers: file:in.jsonl → file:out.jsonl", "")
    assert re.fullmatch(r"numbers: ended after \d+\.\d s, [\d,]+ messages/s", title)
    assert [line.split() for line in table] == [
        ["consumed", "1,500"],
        ["delivered", "500"],
        ["→", "file:out.jsonl", "500"],
        ["filtered", "1,000"],
        ["deduplicated", "0"],
        ["dead-lettered", "0"],
        ["given", "back", "0"],
        ["tried", "again", "0"],
    ]
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 500


def test_several_brokers_run_at_the_same_time(tmp_path: Path) -> None:
    """One feeds the other through memory, and each has its table."""
    chain = """
    [[brokers]]
    name = "first"
    consumers = [{ backend = "file", path = "in.jsonl", codec = "json", follow = true }]
    producers = [{ backend = "memory", topic = "between", codec = "json" }]
    [[brokers]]
    name = "second"
    consumers = [{ backend = "memory", topic = "between", codec = "json" }]
    producers = [{ backend = "file", path = "out.jsonl", codec = "json" }]
    [[brokers]]
    name = "third"
    enabled = false
    consumers = [{ backend = "file", path = "none.jsonl" }]
    producers = [{ backend = "memory", topic = "t" }]
    """
    write(tmp_path, "a.toml", chain)
    numbers(tmp_path, 10)
    process = start(tmp_path, "run", "a.toml")
    wait_for(tmp_path / "out.jsonl", 10)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "first: stopped after" in out
    assert "second: stopped after" in out
    assert "third" not in out
    assert err.startswith("geowatch-core: Stopping: what is in flight is finished.")


def test_only_the_named_broker_runs(tmp_path: Path) -> None:
    """An unknown name says which there are."""
    second = '\n[[brokers]]\nname = "other"\nconsumers = [{ backend = "file", path = "none" }]\n'
    first = SIMPLE.replace("[[consumers]]", "[[brokers.consumers]]").replace(
        "[[producers]]", "[[brokers.producers]]"
    )
    target = 'producers = [{ backend = "memory", topic = "t" }]\n'
    write(tmp_path, "a.toml", "[[brokers]]" + first + second + target)
    numbers(tmp_path, 1)
    assert run(tmp_path, "run", "a.toml", "--broker", "numbers").returncode == 0
    failed = run(tmp_path, "run", "a.toml", "--broker", "numbres")
    assert failed.returncode == 2
    assert failed.stderr == (
        "geowatch-core: a.toml has no such broker (got 'numbres'). Did you mean numbers?\n"
    )


def test_max_cycle_bounds_a_run_that_would_not_end(tmp_path: Path) -> None:
    """Each source is consumed from so many times."""
    write(tmp_path, "a.toml", "count = 2\ntimeout = 0.1\n" + ENDLESS)
    numbers(tmp_path, 5)
    done = run(tmp_path, "run", "a.toml", "--max-cycle", "2")
    assert done.returncode == 0
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 4


def test_a_message_that_cannot_go_on_stops_the_run_with_1(tmp_path: Path) -> None:
    """One paragraph says which, and what to do; there is no traceback, unless asked for."""
    write(tmp_path, "a.toml", SIMPLE)
    write(tmp_path, "in.jsonl", '{"n":1}\nnope\n')
    failed = run(tmp_path, "run", "a.toml")
    assert failed.returncode == 1
    assert failed.stderr.startswith("geowatch-core: numbers stopped.\ngeowatch-core: ")
    assert "file:in.jsonl" in failed.stderr
    assert "dead_letter" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "numbers: failed after" in failed.stdout
    assert "Traceback" in run(tmp_path, "run", "a.toml", "--debug").stderr


def test_a_broker_that_fails_stops_the_others(tmp_path: Path) -> None:
    """They finish what is in flight, and the exit code is the failure's."""
    two = """
    [[brokers]]
    name = "bad"
    consumers = [{ backend = "file", path = "in.jsonl", codec = "json" }]
    producers = [{ backend = "memory", topic = "t" }]
    [[brokers]]
    name = "endless"
    consumers = [{ backend = "memory", topic = "none" }]
    producers = [{ backend = "memory", topic = "t" }]
    """
    write(tmp_path, "a.toml", two)
    write(tmp_path, "in.jsonl", "nope\n")
    failed = run(tmp_path, "run", "a.toml")
    assert failed.returncode == 1
    assert "bad: failed after" in failed.stdout
    assert "endless: stopped after" in failed.stdout
    assert "geowatch-core: The other brokers are stopped, too." in failed.stderr


def test_a_mistake_in_the_configuration_is_2_and_opens_nothing(tmp_path: Path) -> None:
    """Every mistake on a line of its own."""
    write(tmp_path, "a.toml", "cuont = 3\ntimeout = -1\n" + SIMPLE)
    failed = run(tmp_path, "run", "a.toml")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.splitlines() == [
        "geowatch-core: a.toml cannot be used: 2 mistakes.",
        "  cuont: is not an option here. Did you mean count?",
        "  timeout: must be at least 0, and finite. Seconds that a cycle waits for messages.",
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "a.toml"]


def test_nothing_to_run_is_2(tmp_path: Path) -> None:
    """Who runs a configuration wants something to run."""
    write(tmp_path, "a.toml", "enabled = false\n" + SIMPLE)
    failed = run(tmp_path, "run", "a.toml")
    assert failed.returncode == 2
    assert "No broker of a.toml is enabled. Give one of them enabled = true." in failed.stderr


def test_a_channel_that_does_not_open_is_3(tmp_path: Path) -> None:
    """The error is the backend's, and one paragraph."""
    write(tmp_path, "a.toml", SIMPLE)
    failed = run(tmp_path, "run", "a.toml")
    assert (failed.returncode, failed.stdout) == (3, "")
    assert failed.stderr.startswith("geowatch-core: ")
    assert "in.jsonl" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_a_service_that_does_not_answer_is_3(tmp_path: Path) -> None:
    """After the tries that the options allow, of which each is told as it fails."""
    install(tmp_path, fickle=FICKLE)
    write(
        tmp_path,
        "a.toml",
        'consumers = [{ backend = "memory", topic = "t" }]\n'
        'producers = [{ backend = "fickle", topic = "down", max_tries = 2, '
        "sleep_period = 0.01 }]",
    )
    failed = run(tmp_path, "run", "a.toml", PYTHONPATH=str(tmp_path))
    assert failed.returncode == 3
    tried, given_up = failed.stderr.splitlines()
    assert tried.startswith("INFO fickle: try 1 of 2 failed: The service does not answer")
    assert given_up.startswith("geowatch-core: The service does not answer (got 'fickle.example')")


def test_a_bug_is_said_to_be_unexpected(tmp_path: Path) -> None:
    """It is not the user's mistake, and --debug shows where it is."""
    install(tmp_path, fickle=FICKLE)
    write(
        tmp_path,
        "a.toml",
        'consumers = [{ backend = "file", path = "in.jsonl" }]\n'
        'producers = [{ backend = "fickle", topic = "bug" }]',
    )
    numbers(tmp_path, 1)
    failed = run(tmp_path, "run", "a.toml", PYTHONPATH=str(tmp_path))
    assert failed.returncode == 1
    assert "a bug of the backend" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_ends_the_run_in_order(tmp_path: Path, number: int) -> None:
    """What is in flight is finished, the table is printed, and the code is 0."""
    write(tmp_path, "a.toml", ENDLESS)
    numbers(tmp_path, 100)
    process = start(tmp_path, "run", "a.toml")
    wait_for(tmp_path / "out.jsonl", 100)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "numbers: stopped after" in out
    assert err == (
        "geowatch-core: Stopping: what is in flight is finished. Another signal leaves at once.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_leaves_at_once(tmp_path: Path, number: int) -> None:
    """Without waiting for a destination that is stuck, and with nothing acked."""
    write(tmp_path, "a.toml", STUCK)
    numbers(tmp_path, 100)
    process = start(tmp_path, "run", "a.toml")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("broker-1: file:in.jsonl")
    time.sleep(0.5)
    process.send_signal(number)
    assert process.stderr is not None
    assert "Stopping" in process.stderr.readline()
    process.send_signal(number)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert "stopped after" not in out
    write(tmp_path, "again.toml", SIMPLE.replace("remember = false", ""))
    assert run(tmp_path, "run", "again.toml").returncode == 0
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 100


def test_lines_in_a_pipe_are_plain_and_rare(tmp_path: Path) -> None:
    """About one a second, only when there is something new, and no control character."""
    write(tmp_path, "a.toml", ENDLESS)
    write(tmp_path, "in.jsonl", "")
    process = start(tmp_path, "run", "a.toml")
    started = time.monotonic()
    with (tmp_path / "in.jsonl").open("a") as source:
        while time.monotonic() - started < 3.5:
            source.write('{"n":1}\n' * 10)
            source.flush()
            time.sleep(0.05)
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    seconds = time.monotonic() - started
    assert all(line.isprintable() for line in out.splitlines())
    lines = [line for line in out.splitlines() if "consumed/s" in line]
    assert 2 <= len(lines) <= seconds
    form = r"numbers: [\d,]+ consumed, [\d,]+ delivered; [\d,]+ consumed/s, [\d,]+ delivered/s"
    assert all(re.fullmatch(form, line) for line in lines)
    assert len(set(lines)) == len(lines)


def in_terminal(
    folder: Path, *arguments: str, until: Callable[[bytes], bool], **variables: str
) -> tuple[str, int]:
    """What the command prints on a terminal, interrupted when `until` finds enough of it."""
    from tests.core.cli.command import COMMAND

    mine, its = os.openpty()
    variables = {"TERM": "xterm", "COLUMNS": "100", "LINES": "30", **variables}
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    interrupted = False
    seen = bytearray()
    os.set_blocking(mine, False)
    while process.poll() is None:
        seen += _read(mine)
        if not interrupted and until(seen):
            process.send_signal(signal.SIGINT)
            interrupted = True
        time.sleep(0.01)
    seen += _read(mine)
    os.close(mine)
    return seen.decode(), process.returncode


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 20)
    except OSError:  # nothing yet, or closed at the other end
        return b""


def test_a_terminal_shows_live_progress(tmp_path: Path) -> None:
    """A table that is drawn again and again, and taken away for the summary."""
    pytest.importorskip("rich")
    write(tmp_path, "a.toml", ENDLESS)
    numbers(tmp_path, 1_234)
    seen, code = in_terminal(
        tmp_path,
        "run",
        "a.toml",
        until=lambda seen: seen.count(b"delivered") > 3 and b"1,234" in seen,
    )
    assert code == 0
    live, _, rest = seen.partition("Stopping")
    assert live.count("delivered") > 3
    assert "1,234" in live
    assert "→ file:out.jsonl" in live
    assert "\x1b[?25l" not in rest
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")
    summary = seen[seen.rindex("stopped after") :]
    assert "\x1b" not in summary


def test_a_terminal_without_rich_shows_plain_lines(tmp_path: Path) -> None:
    """Rich is an extra; nothing fails without it."""
    write(tmp_path, "rich.py", "raise ImportError('not installed')\n")
    write(tmp_path, "a.toml", ENDLESS)
    numbers(tmp_path, 1_234)
    line = "1,234 consumed, 1,234 delivered"
    seen, code = in_terminal(
        tmp_path,
        "run",
        "a.toml",
        until=lambda seen: line.encode() in seen,
        PYTHONPATH=str(tmp_path),
    )
    assert code == 0
    assert line in seen
    assert "\x1b" not in seen


def test_names_write_no_control_characters(tmp_path: Path) -> None:
    """A name from a configuration neither colours the terminal nor ends a line."""
    write(tmp_path, "a.toml", SIMPLE.replace('"numbers"', r'"\u001b[31mred\nline"'))
    numbers(tmp_path, 1)
    done = run(tmp_path, "run", "a.toml")
    assert done.returncode == 0
    assert done.stdout.startswith(r"\x1b[31mred\nline: file:in.jsonl ")


def test_an_output_that_nobody_reads_does_not_stop_the_flow(tmp_path: Path) -> None:
    """Messages are the purpose, the lines about them are not."""
    write(tmp_path, "a.toml", SIMPLE)
    numbers(tmp_path, 10)
    process = start(tmp_path, "run", "a.toml")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this machine has no /dev/full")
def test_a_full_disk_behind_the_output_does_not_stop_the_flow(tmp_path: Path) -> None:
    """It is said once, on standard error."""
    write(tmp_path, "a.toml", SIMPLE)
    numbers(tmp_path, 10)
    with Path("/dev/full").open("w") as full:
        process = start(tmp_path, "run", "a.toml")
        process.communicate(timeout=60)
        again = subprocess.run(
            process.args,
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert again.returncode == 0
    assert again.stderr.count("Standard output cannot be written") == 1
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == 20


def test_the_log_of_a_broker_is_shown_when_it_asks(tmp_path: Path) -> None:
    """With verbose, a line for every cycle on standard error."""
    write(tmp_path, "a.toml", "verbose = true\n" + SIMPLE)
    numbers(tmp_path, 3)
    assert "INFO numbers: 3 consumed" in run(tmp_path, "run", "a.toml").stderr


def test_a_cache_alone_is_refused_before_anything_opens(tmp_path: Path) -> None:
    """Loss is only ever accepted in so many words."""
    install(tmp_path, cache=CACHE)
    write(
        tmp_path,
        "a.toml",
        'consumers = [{ backend = "file", path = "in.jsonl" }]\n'
        'stores_out = [{ backend = "cache", key = "k" }]',
    )
    failed = run(tmp_path, "run", "a.toml", PYTHONPATH=str(tmp_path))
    assert failed.returncode == 2
    assert "may forget what it confirmed" in failed.stderr
