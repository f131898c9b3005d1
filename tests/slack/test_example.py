"""The example does what its picture shows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tools.slack import SlackServer, markup

EXAMPLE = Path(__file__).parents[2] / "examples/quake-alert"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program of the example, not run."""
    monkeypatch.chdir(EXAMPLE.parents[1])
    monkeypatch.setattr(sys, "path", [str(EXAMPLE), *sys.path])
    for name in ("SLACK_BOT_TOKEN", "SLACK_API"):
        monkeypatch.setenv(name, "")  # so that what the example sets is gone afterwards
    spec = importlib.util.spec_from_file_location("quake_alert_demo", EXAMPLE / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delitem(sys.modules, "draw")
    return module


def test_the_picture_is_that_of_the_payload(demo: ModuleType, tmp_path: Path) -> None:
    """A week of earthquakes makes three alerts and one digest, as drawn in the repository."""
    with SlackServer(tmp_path, rate=1.0) as server:
        channels = demo.posted(server)
        assert {r["status"] for r in server.requests("chat.postMessage")} == {200}
    alerts, digest = channels["quake-alerts"], channels["quakes"]
    assert [post["text"].split(" M ")[1][:3] for post in alerts] == ["6.4", "6.1", "6.1"]
    assert len(digest) == 1
    assert digest[0]["text"].startswith("*85 messages in one*")
    assert len(markup(digest[0])) == 1
    picture = demo.picture([(name, posts[0]) for name, posts in channels.items()])
    assert picture == (EXAMPLE / "alert.svg").read_text()
