"""What the page and the demo of Kafka say is run on a server of their own."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geowatch_core.config import check_config
from tests.docs.test_pages import ROOT, blocks, run
from tests.kafka.raw import Raw
from tools.kafka import Kafka


def test_the_page_prints_what_it_says(real_kafka: Kafka) -> None:
    """Its Python runs, on another port, and prints what stands below."""
    page = ROOT / "docs/backends/kafka.md"
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = None
    for language, source, line in blocks(page):
        if language == "python":
            here = source.replace("localhost:9092", real_kafka.host)
            printed = run(here, f"{page.name}:{line}", namespace)
        elif language == "text" and printed is not None:
            assert printed == source
            printed = None


@pytest.fixture
def kept() -> Iterator[Path]:
    """What the demo writes; what somebody else's run has written is put back."""
    out = ROOT / "examples/quakes-kafka/out"
    before = {path: path.read_bytes() for path in out.glob("*")} if out.exists() else {}
    yield out
    for path, data in before.items():
        path.write_bytes(data)


def test_the_configuration_of_the_demo_loses_nothing(
    real_kafka: Kafka,
    kept: Path,
    raw: Raw,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """File to topic, topic to file: the archive holds the strong ones, each once."""
    monkeypatch.setenv("KAFKA", real_kafka.host)
    monkeypatch.setattr("tools.kafka.Kafka", lambda _: _Running(real_kafka))
    monkeypatch.chdir(ROOT)
    demo = runpy.run_path(str(ROOT / "examples/quakes-kafka/demo.py"))
    assert demo["main"]() == 0
    assert "nothing lost, nothing else kept: True" in capsys.readouterr().out
    assert sum(raw.ends("quakes").values()) >= 1_707
    assert not check_config(ROOT / "examples/quakes-kafka/quakes.toml").mistakes


class _Running:
    """A server that runs already, and goes on."""

    def __init__(self, server: Kafka) -> None:
        self.host = server.host

    def __enter__(self) -> Kafka:
        return self  # type: ignore[return-value]  # all that the demo asks for is its host

    def __exit__(self, *_: object) -> None:
        pass
