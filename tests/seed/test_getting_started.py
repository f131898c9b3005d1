"""The page renewed: each of its blocks is run against the services that it names."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from geowatch_core.config import check_config
from tests.docs.test_pages import ROOT, blocks, run
from tests.seed.services import Aws, KafkaService
from tests.seed.test_page import raw_get
from tools.slack import SlackServer

PAGE = ROOT / "docs/getting-started.md"


def test_getting_started_runs_as_it_stands(
    at_aws: Aws,
    kafka: KafkaService,
    slack: SlackServer,
    memcached: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It prints what it says, and each service has what a reader would expect there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLACK_WEBHOOK", slack.webhook("quakes"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", at_aws.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", at_aws.secret)
    at_aws.bucket("getting-started")
    (tmp_path / "requests.jsonl").write_text("1\n2\n3\n")
    places = {
        "localhost:9092": kafka.host,
        "11211": str(memcached),
        '"tilejet"': '"getting-started"',  # the bucket of that name belongs to another test
    }
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = None
    for language, source, line in blocks(PAGE):
        if language == "python":
            for written, here in places.items():
                source = source.replace(written, here)  # noqa: PLW2901 - the same block
            printed = run(source, f"{PAGE.name}:{line}", namespace)
        elif language == "text" and printed is not None:
            assert printed == source, f"{PAGE.name}:{line}"
            printed = None
    quake = namespace["quake"]
    assert [json.loads(text) for text in kafka.texts("quakes", 1)] == [quake]
    assert [json.loads(text) for text in at_aws.records("tilerequests")] == [
        {"z": 5, "x": 7, "y": 12}
    ]
    [post] = slack.posts("quakes")
    assert "M 4.6 4 km W of Castaic, CA" in json.dumps(post)
    stats = {"requests": 3}
    assert json.loads((tmp_path / "stats.json").read_text()) == stats
    assert at_aws.object("getting-started", "final_stats.json") == stats
    assert json.loads(raw_get(memcached, "stats_tilerequests")) == stats


def test_the_configuration_on_the_page_has_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``geowatch-core check`` sees it."""
    monkeypatch.setenv("SLACK_WEBHOOK", "https://hooks.slack.com/services/T0/B0/canary")
    [text] = [source for language, source, _ in blocks(PAGE) if language == "toml"]
    assert not check_config(tomllib.loads(text)).mistakes
