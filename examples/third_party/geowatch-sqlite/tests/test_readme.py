"""What the README says."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest
from geowatch_core import Options, TopicOptions

from geowatch_sqlite.backend import geowatch_backend

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_example_prints_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example runs as it stands."""
    monkeypatch.chdir(tmp_path)
    found = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.S)
    assert found is not None, "README.md has no example with its output"
    python, text = found.groups()
    exec(compile(python, "README.md", "exec"), {})
    assert capsys.readouterr().out == text


def test_every_option_is_in_the_table() -> None:
    """The README leaves out no option of this backend, and tells of none that is not there."""
    told = set(re.findall(r"`(\w+)`", README.partition("## Options")[2].partition("## Errors")[0]))
    specs = geowatch_backend().roles.values()
    known = {field.name for spec in specs for field in attrs.fields(spec.options)}
    everybodys = {field.name for cls in (Options, TopicOptions) for field in attrs.fields(cls)}
    assert known - everybodys <= told <= known
