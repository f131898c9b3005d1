"""The page about Django is run as it stands, in the test project."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_pages import ROOT, blocks, run

PAGE = ROOT / "docs/django.md"


def console(commands: str) -> str:
    """What ``$ python manage.py …`` prints, in this process."""
    from django.core.management import call_command

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for line in commands.splitlines():
            program, manage, name, *arguments = shlex.split(line.removeprefix("$ "))
            assert (program, manage) == ("python", "manage.py")
            call_command(name, *arguments)
    return printed.getvalue()


def settings_of(source: str) -> dict[str, Any]:
    """The settings that a block of ``settings.py`` assigns, without those of the project itself."""
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return {k: v for k, v in namespace.items() if k.isupper() and k != "INSTALLED_APPS"}


def matches(printed: str, expected: str) -> bool:
    """Whether it is what the page says; … stands for anything."""
    pattern = ".*".join(map(re.escape, expected.rstrip("\n").split("…")))
    return re.fullmatch(pattern, printed.rstrip("\n"), re.DOTALL) is not None


@pytest.mark.parametrize("alias", ["default"], indirect=True)
def test_the_page_about_django_runs_as_it_stands(
    alias: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block after those above it; a text block below is what it printed."""
    from django.test import override_settings

    monkeypatch.chdir(tmp_path)
    models = importlib.import_module("tests.django.project.quakes.models")
    monkeypatch.setitem(
        sys.modules, "quakes", importlib.import_module("tests.django.project.quakes")
    )
    monkeypatch.setitem(sys.modules, "quakes.models", models)
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = None
    with contextlib.ExitStack() as stack:
        for language, source, line in blocks(PAGE):
            place = f"{PAGE.name}:{line}"
            if source.startswith("# settings.py"):
                stack.enter_context(override_settings(**settings_of(source)))
            elif language == "python":
                printed = run(source, place, namespace)
            elif language == "console":
                printed = console(source)
            elif language == "text" and printed is not None:
                assert matches(printed, source), f"{place}: {printed}"
                printed = None


@pytest.mark.usefixtures("project")
def test_the_pages_name_every_option_setting_and_check() -> None:
    """Those of the consumer but for what all have, those of 2015, and the checks' ids."""
    from geowatch_core.contrib.django import checks
    from geowatch_core.contrib.django.configuration import LEGACY
    from geowatch_core.contrib.django.outbox.options import OutboxConsumerOptions
    from geowatch_core.options import Options, fields

    text = PAGE.read_text() + (ROOT / "docs/backends/django-outbox.md").read_text()
    options = set(fields(OutboxConsumerOptions)) - set(fields(Options)) - {"topic_check"}
    ids = set(re.findall(r"geowatch\.[EW]\d+", Path(checks.__file__).read_text()))
    assert [name for name in (*options, *LEGACY, *ids) if f"`{name}`" not in text] == []
